-- core/mirror/mirror.c: the version that is being replaced
insert into _history (type, account, id, revision, since, until, deleted, cause, data)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (type, account, id, revision) do nothing
