-- core/trace.c: the latest events about an object since a time
select event, type, received_at, secret, deliveries, last_at, outcome, reason from _inbox
where object_type = $1 and object_id = $2
    and coalesce(account, (select account from _environment)) = $3 and received_at >= $4
order by seq desc limit $5
