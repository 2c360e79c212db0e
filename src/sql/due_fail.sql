-- core/due.c: not done; $1 attempts so far, again at $2, or dead
update _due set claimed = 0, attempts = $1, not_before = $2, dead = $3, last_error = $4,
    last_status = $5
where kind = $6 and type = $7 and id = $8 and account = $9 and ticket = $10
