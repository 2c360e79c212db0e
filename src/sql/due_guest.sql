-- core/due.c: the connected account behind $2 that has anything due in a lane
select account from _due
where guest = 1 and lane = $1 and account > $2 and done_gen < gen and dead = 0
order by account limit 1
