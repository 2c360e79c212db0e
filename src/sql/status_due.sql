-- core/status.c: what is pending
select
    (select count(*) from _due where done_gen < gen and dead = 0),
    (select count(*) from _due where done_gen < gen and dead = 0 and attempts > 0),
    (select count(*) from _due where done_gen < gen and dead = 1),
    (select min(due_since) from _due where done_gen < gen),
    (select last_error from _due where done_gen < gen and last_error is not null
        order by attempts desc limit 1),
    (select min(due_since) from _due where done_gen < gen and guest = 0)
