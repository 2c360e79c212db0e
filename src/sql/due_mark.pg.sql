-- core/due.c: one more generation for a key
insert into _due (kind, type, id, account, lane, gen, due_since, cause, gone_hint,
    guest)
values ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9)
on conflict (kind, type, id, account) do update set
    gen = _due.gen + 1,
    due_since = case when _due.done_gen >= _due.gen or _due.dead = 1
        then excluded.due_since else least(_due.due_since, excluded.due_since) end,
    lane = case when _due.done_gen >= _due.gen or excluded.lane < _due.lane
        then excluded.lane else _due.lane end,
    not_before = case
        when _due.claimed <> 0 then _due.not_before
        when _due.dead = 1 or excluded.lane = 0 then 0
        when _due.done_gen >= _due.gen and _due.not_before > _now_ms($10) + $11 then 0
        else _due.not_before end,
    attempts = case when _due.done_gen >= _due.gen or _due.dead = 1 then 0 else _due.attempts end,
    misses = case when _due.done_gen >= _due.gen then 0 else _due.misses end,
    gone_hint = case when excluded.gone_hint = 1 then 1 else _due.gone_hint end,
    cause = case when _due.done_gen >= _due.gen then excluded.cause else _due.cause end,
    depth = 0,
    dead = 0
