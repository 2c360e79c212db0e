-- core/due.c: a gap to fill, unless the key is known
insert into _due (kind, type, id, account, lane, gen, due_since, cause, depth)
values ($1, $2, $3, $4, $5, 1, $6, $7, $8)
on conflict (kind, type, id, account) do nothing
