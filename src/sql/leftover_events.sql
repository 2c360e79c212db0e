-- core/environment/foreign.c: events that were kept aside, by reason
select reason, count(*) from _inbox where outcome = 'quarantined' group by reason order by reason
