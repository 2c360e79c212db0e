-- core/mirror/mirror.c: a new state
update objects set data = $1, deleted = $2, revision = $3, ticket = $4, fetched_at = $5, changed_at = $5,
    api_version = $6, source = $7, open_lists = $8, livemode = $9
where type = $10 and account = $11 and id = $12
