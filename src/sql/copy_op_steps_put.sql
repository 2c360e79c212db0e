-- core/copy.c: a row of _op_steps, unless it is there
insert into _op_steps (op, step, attempt, method, path, form, idempotency_key, state, sends, status, request_id,
    replayed, object, error, began_at, ended_at, duration_ms)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) on conflict do nothing
