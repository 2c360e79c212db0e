-- core/copy.c: a row of _walks, unless it is there
insert into _walks (type, variant, account, cursor, run, started_ticket, started_at, finished_at, complete_at,
    complete_ticket, objects, pages, state, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict do nothing
