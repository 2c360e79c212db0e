-- core/mirror/mirror.c: an object for the first time
insert into objects (type, account, id, data, deleted, revision, ticket, fetched_at, api_version,
    source, open_lists, livemode, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $8)
