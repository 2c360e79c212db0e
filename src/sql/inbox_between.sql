-- core/mirror/history.c: the events about an object that arrived in a span
select event, type from _inbox
where object_type = $1 and object_id = $2
    and outcome <> 'quarantined' and coalesce(account, (select account from _environment)) = $3 and received_at > $4 and received_at <= $5
order by received_at, seq limit $6
