-- core/trace.c: the latest events about an object since a time
select event, type, received_at, secret, deliveries, last_at, outcome, reason from _inbox
where object_type = $1 and object_id = $2 and received_at >= $3
order by seq desc limit $4
