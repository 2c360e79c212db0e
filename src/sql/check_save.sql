-- core/mirror/drift.c: a check moves on; only for the holder of its claim
update _checks set state = $1, list = $2, cursor = $3, at_ticket = $4, started_ticket = $5,
    started_at = $6, finished_at = $7, compared = $8, reason = $9
where type = $10 and account = $11 and exists (
    select 1 from _due d where d.kind = 'check' and d.type = _checks.type and d.id = ''
        and d.account = _checks.account and d.ticket = $12 and d.claimed <> 0)
