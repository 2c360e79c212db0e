-- core/copy.c: a row of objects, unless it is there
insert into objects (type, account, id, data, deleted, revision, ticket, fetched_at, api_version, source,
    open_lists, livemode, changed_at, owner, hidden)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict do nothing
