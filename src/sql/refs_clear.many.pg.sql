-- backend/pg_batch.c: objects' references, but for the members of their lists
delete from _refs r using unnest($1::text[], $2::text[], $3::text[]) as x (type, account, id)
where r.from_type = x.type and r.account = x.account and r.from_id = x.id and r.member = 0
