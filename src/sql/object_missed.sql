-- core/mirror/hidden.c: as of a ticket complete lists have not shown it. What is due already may be
-- so because a list has shown it, in another version than the row's.
update objects set hidden = $1 where type = $2 and account = $3 and id = $4 and not exists (
    select 1 from _due d where d.kind = 'object' and d.type = $2 and d.id = $4 and d.account = $3
    and d.gen > d.done_gen)
