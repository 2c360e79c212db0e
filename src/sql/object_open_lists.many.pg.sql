-- backend/pg_batch.c: how many nested lists have their end elsewhere
update objects o set open_lists = x.open_lists
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) as x (open_lists, type, account, id)
where o.type = x.type and o.account = x.account and o.id = x.id
