-- core/copy.c: a row of _drift, unless it is there
insert into _drift (type, account, id, what, revision, fields, confirmed, found_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing
