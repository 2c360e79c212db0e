-- core/due.c: keys that are too long to be worked for
update _due set dead = 1, last_error = $1
where length(id) > $2 and done_gen < gen and dead = 0
