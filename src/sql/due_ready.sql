-- core/due.c: the next key of a lane whose time has come
select kind, type, id, gen, attempts, misses, gone_hint, cause, depth, account from _due
where lane = $1 and guest = $2 and done_gen < gen and dead = 0 and not_before <= $3
order by not_before limit 1
