-- core/mirror/parents.c: somebody waits for lists under parents: what was given up, pauses after a failure, or
-- takes its time, is due at once
update _due set cause = 'sync', not_before = case when claimed <> 0 and dead = 0 then not_before else 0 end,
    due_since = case when dead = 1 then $1 else due_since end,
    attempts = case when dead = 1 then 0 else attempts end,
    misses = case when dead = 1 then 0 else misses end,
    dead = 0
where kind = 'walk' and type = $2 and account = $3 and (id = 'parents' or id like 'parent=%')
    and done_gen < gen and (dead = 1 or attempts > 0 or cause = 'schedule')
