-- core/due.c: a gap to fill, unless the key is known, or its customer is about to come as a whole
insert into _due (kind, type, id, account, lane, gen, due_since, cause, depth, guest)
select $1, $2, $3, $4, cast($5 as bigint), 1, cast($6 as bigint), $7, cast($8 as bigint),
    cast($9 as bigint)
where not exists (select 1 from _due
    where kind = 'customer' and type = $2 and id = $3 and account = $4 and done_gen < gen and dead = 0)
on conflict (kind, type, id, account) do nothing
