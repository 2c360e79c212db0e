-- core/due.c: the key to take next: of what was never put off and what was, the one due for longer
select kind, type, id, gen, attempts, misses, gone_hint, cause, depth, account from (
    select * from (
        select kind, type, id, gen, attempts, misses, gone_hint, cause, depth, account, due_since from _due
        where lane = $1 and guest = $2 and done_gen < gen and dead = 0 and not_before = 0
        order by due_since limit 1 for update skip locked) a
    union all
    select * from (
        select kind, type, id, gen, attempts, misses, gone_hint, cause, depth, account, due_since from _due
        where lane = $1 and guest = $2 and done_gen < gen and dead = 0 and not_before > 0 and not_before <= _now_ms($3)
        order by not_before limit 1 for update skip locked) b) c
order by due_since limit 1
