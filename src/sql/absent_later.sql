-- core/mirror/references.c: a target is looked for, and not once more before its answer
update _absent set next_at = 0 where type = $1 and account = $2 and id = $3
