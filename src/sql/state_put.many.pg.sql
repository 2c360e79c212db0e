-- backend/pg_batch.c: customers' states have changed; no revision goes back
insert into _states (customer, account, value, revision, changed_at, live)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
on conflict (customer, account) do update set value = excluded.value,
    revision = greatest(excluded.revision, _states.revision + 1), changed_at = excluded.changed_at,
    live = excluded.live
