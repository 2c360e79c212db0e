-- core/retention.c: deliveries that were kept aside, past their time; the oldest come first
delete from _inbox_conflicts
where received_at < $1 and seq in (select seq from _inbox_conflicts order by seq limit $2)
