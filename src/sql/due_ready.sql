-- core/due.c: is there a key of a lane whose time has come?
select 1 from _due
where lane = $1 and guest = $2 and done_gen < gen and dead = 0 and not_before <= $3
order by not_before limit 1
