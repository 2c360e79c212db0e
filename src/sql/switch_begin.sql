-- core/environment/seal.c: the journal begins
insert into _switch (one, target, step, started_at, notes, held, reseal, url)
values (1, $1, $2, $3, $4, $5, $6, $7)
