-- core/copy.c: a row of _audit, unless it is there
insert into _audit (seq, at, what, detail)
values ($1, $2, $3, $4) on conflict do nothing
