-- core/due.c: how long from now ($1) until the next key of a lane becomes ready
select not_before - $1 from _due
where lane = $2 and guest = $3 and done_gen < gen and dead = 0 order by not_before limit 1
