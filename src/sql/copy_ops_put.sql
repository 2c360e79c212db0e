-- core/copy.c: a row of _ops, unless it is there
insert into _ops (id, account, kind, product, actor, api_key, caller_key, dry_run, input, plan, state, step,
    reason, note, refusal, differences, waits, rounds, abort_asked, created_at, changed_at,
    ended_at, ended_ticket)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23) on conflict do nothing
