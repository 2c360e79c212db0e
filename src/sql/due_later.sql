-- core/due.c: a second look at a 404, or a piece of work that must wait for others
update _due set claimed = 0, misses = $1, not_before = $2
where kind = $3 and type = $4 and id = $5 and account = $6 and ticket = $7
