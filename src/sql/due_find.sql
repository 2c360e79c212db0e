-- core/due.c: as due_ready, by one who is about to take it
select kind, type, id, gen, attempts, misses, gone_hint, cause, depth from _due
where lane = $1 and done_gen < gen and dead = 0 and not_before <= $2
order by not_before limit 1
