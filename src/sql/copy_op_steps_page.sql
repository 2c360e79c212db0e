-- core/copy.c: a page of _op_steps
select op, step, attempt, method, path, form, idempotency_key, state, sends, status, request_id,
    replayed, object, error, began_at, ended_at, duration_ms
from _op_steps where (op, step, attempt) > ($1, $2, $3) order by op, step, attempt limit $4
