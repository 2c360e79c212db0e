-- core/mirror/drift.c: a difference, to be confirmed
insert into _drift (type, account, id, what, revision, fields, found_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (type, account, id) do update set what = excluded.what, revision = excluded.revision,
    fields = excluded.fields, found_at = excluded.found_at, confirmed = 0
