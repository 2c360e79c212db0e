-- core/history.c: the events about an object that arrived in a span
select event, type from _inbox
where object_type = $1 and object_id = $2 and received_at > $3 and received_at <= $4
order by received_at, seq limit $5
