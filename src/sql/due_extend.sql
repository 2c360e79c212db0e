-- core/due.c: a claim for another lease of $3 from now ($2), under a new ticket
update _due set ticket = $1, not_before = $2 + $3
where kind = $4 and type = $5 and id = $6 and account = $7 and ticket = $8 and claimed <> 0
