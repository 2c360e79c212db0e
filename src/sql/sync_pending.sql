-- core/sync.c: what a sync since $1 still waits for, and what was given up since
select
    (select count(*) from _due where done_gen < gen and dead = 0 and cause <> 'webhook'),
    (select count(*) from _due where done_gen < gen and dead = 1 and due_since >= $1)
