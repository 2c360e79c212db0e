-- core/copy.c: a row of _checks, unless it is there
insert into _checks (type, account, state, list, cursor, at_ticket, started_ticket, started_at,
    finished_at, compared, repair, permitted, paced, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict do nothing
