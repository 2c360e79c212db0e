-- catalog/journal.c: operations, the latest first
select id, created_at from _ops
where account = $1 and (created_at < $2 or created_at = $2 and id < $3) order by created_at desc, id desc
limit $4
