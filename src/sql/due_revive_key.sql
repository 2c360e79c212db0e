-- core/due.c: a redelivered event brings the dead work of its object back
update _due set dead = 0, attempts = 0, not_before = 0
where kind = 'object' and type = $1 and id = $2 and account = $3 and dead = 1 and done_gen < gen
