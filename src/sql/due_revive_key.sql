-- core/due.c: a redelivered event brings the dead work of its object back
update _due set dead = 0, attempts = 0, not_before = 0
where kind = $1 and type = $2 and id = $3 and account = $4 and dead = 1 and done_gen < gen
