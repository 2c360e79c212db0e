-- core/erasure/erase.c: an id that must never be filled
insert into objects (type, account, id, data, deleted, revision, ticket, fetched_at, api_version,
    source, changed_at)
values ($1, $2, $3, $4, 2, $5, $5, $6, '', 'erased', $6)
on conflict do nothing
