-- backend/pg_batch.c: new states
update objects o set raw = x.raw, deleted = x.deleted, revision = x.revision, ticket = x.ticket,
    fetched_at = x.fetched_at, changed_at = x.fetched_at, api_version = x.api_version,
    source = x.source, open_lists = x.open_lists, livemode = x.livemode
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
    $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[])
    as x (raw, deleted, revision, ticket, fetched_at, api_version, source, open_lists, livemode,
        type, account, id)
where o.type = x.type and o.account = x.account and o.id = x.id
