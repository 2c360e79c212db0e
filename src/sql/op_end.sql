-- catalog/journal.c: how an operation ended
update _ops set state = $1, step = $2, reason = $3, note = $4, refusal = $5, differences = $6, waits = 0,
    changed_at = $7, ended_at = $7, ended_ticket = $8
where id = $9
