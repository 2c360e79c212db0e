-- core/erasure/erase.c: nothing is left of it but its id
update objects set data = $1, deleted = 2, revision = $2, fetched_at = $3, changed_at = $3,
    source = 'erased', open_lists = 0, owner = null, hidden = null
where type = $4 and account = $5 and id = $6
