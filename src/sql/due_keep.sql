-- core/due.c: a claim that its holder ($7) still works on, for another lease of $2 from now ($1)
update _due set not_before = max(not_before, $1 + $2)
where kind = $3 and type = $4 and id = $5 and account = $6 and claimed = $7
