-- core/customer/state.c: a customer's state has changed; its revision never goes back
insert into _states (customer, account, value, revision, changed_at, live)
values ($1, $2, $3, $4, $5, $6)
on conflict (customer, account) do update set value = excluded.value,
    revision = max(excluded.revision, _states.revision + 1), changed_at = excluded.changed_at,
    live = excluded.live
