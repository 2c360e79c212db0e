-- backend/pg_batch.c: gaps to fill, unless a key is known, or its customer is about to come as a whole
insert into _due (kind, type, id, account, lane, gen, due_since, cause, depth, guest)
select x.kind, x.type, x.id, x.account, x.lane, 1, x.due_since, x.cause, x.depth, x.guest
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
    $8::bigint[], $9::bigint[])
    as x (kind, type, id, account, lane, due_since, cause, depth, guest)
where not exists (select 1 from _due d
    where d.kind = 'customer' and d.type = x.type and d.id = x.id and d.account = x.account
        and d.done_gen < d.gen and d.dead = 0)
on conflict (kind, type, id, account) do nothing
