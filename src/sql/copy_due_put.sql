-- core/copy.c: a row of _due, unless it is there
insert into _due (kind, type, id, account, lane, gen, done_gen, ticket, due_since, attempts, gone_hint,
    misses, dead, last_error, last_status, cause, guest, permitted, depth)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
    $18, $19)
on conflict do nothing
