-- catalog/show.c: operations that are under way, or need a person, the latest first
select id, created_at from _ops
where account = $1 and (created_at < $2 or created_at = $2 and id < $3)
    and (state in ('new', 'forward', 'back') or state = 'stuck' and reason <> 'moved')
order by created_at desc, id desc limit $4
