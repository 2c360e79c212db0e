-- core/mirror/mirror.c: an answer that was not stored
insert into _dropped (type, account, id, ticket, at, source, reason)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
