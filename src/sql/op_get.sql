-- catalog/journal.c: one operation
select id, kind, product, actor, api_key, dry_run, input, plan, state, step, reason, note, refusal,
    differences, waits, rounds, abort_asked, created_at, changed_at, ended_at
from _ops where id = $1 and account = $2
