-- core/copy.c: a missing target
insert into _absent (type, account, id, state, status, answer, first_at, last_at, next_at, looks)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing
