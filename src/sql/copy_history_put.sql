-- core/copy.c: a row of _history, unless it is there
insert into _history (type, account, id, revision, until, deleted, cause, data)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
