-- core/inbox.c: a known id with other contents, at most $5 of them an event
insert into _inbox_conflicts (event, received_at, reason, body)
select $1, $2, $3, $4 where (select count(*) from _inbox_conflicts where event = $1) < $5
