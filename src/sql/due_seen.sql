-- core/due.c: the object was there: the next 404 is the first one again
update _due set misses = 0
where kind = 'object' and type = $1 and id = $2 and account = $3 and misses > 0
