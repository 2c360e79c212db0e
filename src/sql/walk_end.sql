-- core/mirror/walk.c: complete, skipped or failed; only for the holder of the claim, in the same run
update _walks set state = $1, reason = $2,
    finished_at = case when $1 = 'failed' then 0 else $3 end,
    complete_at = case when $1 = 'complete' then started_at else complete_at end,
    complete_ticket = case when $1 = 'complete' then started_ticket else complete_ticket end
where type = $4 and variant = $5 and account = $6 and run = $7 and exists (
    select 1 from _due d
    where d.kind = 'walk' and d.type = _walks.type and d.id = _walks.variant
        and d.account = _walks.account and d.ticket = $8 and d.claimed <> 0)
