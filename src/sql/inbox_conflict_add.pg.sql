-- core/inbox.c: a known id with other contents, at most $5 of them an event
insert into _inbox_conflicts (event, received_at, reason, body)
select cast($1 as text), cast($2 as bigint), cast($3 as text), cast($4 as text) where (select count(*) from _inbox_conflicts where event = $1) < $5
