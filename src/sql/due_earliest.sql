-- core/due.c: when the next key of a lane becomes ready
select not_before from _due
where lane = $1 and done_gen < gen and dead = 0 order by not_before limit 1
