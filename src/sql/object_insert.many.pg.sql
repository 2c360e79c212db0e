-- backend/pg_batch.c: objects for the first time
insert into objects (type, account, id, raw, deleted, revision, ticket, fetched_at, api_version,
    source, open_lists, livemode, changed_at)
select type, account, id, raw, deleted, revision, ticket, fetched_at, api_version, source,
    open_lists, livemode, fetched_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[])
    as x (type, account, id, raw, deleted, revision, ticket, fetched_at, api_version, source,
        open_lists, livemode)
order by type collate "C", account collate "C", id collate "C"
