-- catalog/journal.c: the journal of an operation
select step, attempt, method, path, form, idempotency_key, state, sends, status, request_id, replayed,
    object, error, began_at, ended_at, duration_ms
from _op_steps where op = $1 order by began_at, step, attempt
