-- core/mirror/mirror.c: gone at Stripe; the last known state stays
update objects set deleted = 1, revision = $1, ticket = $2, fetched_at = $3, changed_at = $3, open_lists = 0,
    hidden = null
where type = $4 and account = $5 and id = $6
