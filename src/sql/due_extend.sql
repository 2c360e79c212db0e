-- core/due.c: a claim for another lease, under a new ticket
update _due set ticket = $1, not_before = $2
where kind = $3 and type = $4 and id = $5 and account = $6 and ticket = $7 and claimed = 1
