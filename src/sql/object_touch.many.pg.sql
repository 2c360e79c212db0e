-- backend/pg_batch.c: the same states, seen again
update objects o set ticket = x.ticket, fetched_at = x.fetched_at
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[])
    as x (ticket, fetched_at, type, account, id)
where o.type = x.type and o.account = x.account and o.id = x.id
