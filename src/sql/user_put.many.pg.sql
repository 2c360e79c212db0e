-- backend/pg_batch.c: users' customers as metadata has them, or none; no revision goes back
insert into _users (user_id, account, state, customer, revision, changed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
on conflict (user_id, account) do update set
    state = excluded.state, customer = excluded.customer, changed_at = excluded.changed_at,
    revision = case when excluded.revision > _users.revision then excluded.revision
        else _users.revision + 1 end
