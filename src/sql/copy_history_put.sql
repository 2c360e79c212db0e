-- core/copy.c: a row of _history, unless it is there
insert into _history (type, account, id, revision, until, deleted, cause, data, since)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing
