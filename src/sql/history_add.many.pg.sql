-- backend/pg_batch.c: the versions that are being replaced
insert into _history (type, account, id, revision, since, until, deleted, cause, data)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::text[], $9::text[])
on conflict (type, account, id, revision) do nothing
