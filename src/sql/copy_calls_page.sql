-- core/copy.c: a page of _calls
select seq, at, method, path, account, status, request_id, idempotency_key, duration_ms, lane,
    cause, limit_reason, error
from _calls where seq > $1
order by seq limit $2
