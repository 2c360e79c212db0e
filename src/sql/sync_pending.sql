-- core/mirror/sync.c: what a sync of an account since $3 still waits for (counted up to a limit), what was given up since,
-- and whether a sweep or chase looks through the mirror now, which takes minutes where it is large
select
    (select count(*) from (select 1 from _due
        where lane = 3 and guest = $1 and account = $2 and done_gen < gen and dead = 0 limit 100000) d),
    (select count(*) from _due where done_gen < gen and dead = 1 and account = $2 and due_since >= $3),
    (select count(*) from _due where kind in ('sweep', 'chase') and done_gen < gen and claimed = 1 and account = $2)
