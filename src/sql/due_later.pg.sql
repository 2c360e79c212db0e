-- core/due.c: a second look at a 404, or a piece of work that must wait, $3 from now ($2)
update _due set claimed = 0, misses = $1, not_before = _now_ms($2) + $3
where kind = $4 and type = $5 and id = $6 and account = $7 and ticket = $8 and claimed <> 0
