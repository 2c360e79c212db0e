-- core/mirror/mirror.c: the same state, seen again
update objects set ticket = $1, fetched_at = $2 where type = $3 and account = $4 and id = $5
