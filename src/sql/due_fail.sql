-- core/due.c: not done; $1 attempts so far, again in $3 from now ($2), or dead
update _due set claimed = 0, attempts = $1, not_before = $2 + $3, dead = $4, last_error = $5,
    last_status = $6
where kind = $7 and type = $8 and id = $9 and account = $10 and ticket = $11 and claimed <> 0
