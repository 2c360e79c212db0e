-- core/mirror/parents.c: lists of a type that are yet to be walked, those that were given up, and those of the
-- first that have failed $3 times already, or at all
select (select count(*) from _due where kind = 'walk' and type = $1 and account = $2 and id <> 'parents'
        and done_gen < gen and dead = 0),
    (select count(*) from _due where kind = 'walk' and type = $1 and account = $2 and id <> 'parents'
        and done_gen < gen and dead = 1),
    (select count(*) from _due where kind = 'walk' and type = $1 and account = $2 and id <> 'parents'
        and done_gen < gen and dead = 0 and attempts >= $3),
    (select count(*) from _due where kind = 'walk' and type = $1 and account = $2 and id <> 'parents'
        and done_gen < gen and dead = 0 and attempts > 0)
