-- core/acting.c: events that were kept aside because their account was not known
select event from _inbox
where outcome = 'quarantined' and reason = 'unknown_account' and account = $1 order by seq limit $2
