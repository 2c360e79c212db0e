-- core/copy.c: a row of _calls, unless it is there
insert into _calls (seq, at, method, path, account, status, request_id, idempotency_key, duration_ms, lane,
    cause, limit_reason, error)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
on conflict do nothing
