-- core/due.c: of what has been due the longest (a limit's worth of it), the first that went wrong
select type, id, last_error from
    (select type, id, last_error, due_since from _due
     where done_gen < gen and dead = 0 order by due_since limit $1) d
where last_error <> '' order by due_since limit 1
