-- core/status.c: what is pending of a connected account
select
    (select count(*) from _due
        where guest = 1 and lane in (0, 1, 2, 3) and account = $1 and done_gen < gen and dead = 0),
    (select count(*) from _due
        where guest = 1 and lane in (0, 1, 2, 3) and account = $1 and done_gen < gen and dead = 0
            and attempts > 0),
    (select count(*) from _due where done_gen < gen and dead = 1 and account = $1),
    (select min(due_since) from _due where done_gen < gen and account = $1),
    (select last_error from _due where done_gen < gen and account = $1 and last_error is not null
        order by attempts desc limit 1),
    (select min(due_since) from _due where done_gen < gen and account = $1)
