-- backend/pg_batch.c: customers' metadata names users
insert into _user_links (customer, account, user_id, created)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
on conflict (customer, account) do update set user_id = excluded.user_id, created = excluded.created
