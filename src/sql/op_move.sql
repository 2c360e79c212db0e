-- catalog/journal.c: where an operation stands
update _ops set state = $1, step = $2, reason = $3, note = $4, refusal = $5, waits = $6, rounds = $7,
    changed_at = $8
where id = $9
