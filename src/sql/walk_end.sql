-- core/walk.c: complete, skipped or failed
update _walks set state = $1, reason = $2, finished_at = $3,
    complete_at = case when $1 = 'complete' then started_at else complete_at end,
    complete_ticket = case when $1 = 'complete' then started_ticket else complete_ticket end
where type = $4 and variant = $5 and account = $6
