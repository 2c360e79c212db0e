-- core/environment/acting.c: events that were kept aside because their account was not known, or Connect was off
select event from _inbox
where outcome = 'quarantined' and reason in ('unknown_account', 'connected_account') and account = $1 order by seq limit $2
