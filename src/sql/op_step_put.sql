-- catalog/journal.c: a request that is about to be sent
insert into _op_steps (op, step, attempt, method, path, form, idempotency_key, state, began_at)
values ($1, $2, $3, $4, $5, $6, $7, 'sent', $8)
on conflict (op, step, attempt) do update set sends = _op_steps.sends + 1
