-- core/copy.c: a page of _ops
select id, account, kind, product, actor, api_key, caller_key, dry_run, input, plan, state, step,
    reason, note, refusal, differences, waits, rounds, abort_asked, created_at, changed_at,
    ended_at, ended_ticket
from _ops where id > $1 order by id limit $2
