-- catalog/journal.c: what became of a request
update _op_steps set state = $1, status = $2, request_id = $3, replayed = $4, object = $5, error = $6,
    duration_ms = $7, ended_at = $8
where op = $9 and step = $10 and attempt = $11
