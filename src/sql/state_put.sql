-- core/state.c: a customer's state has changed
insert into _states (customer, account, value, revision, changed_at)
values ($1, $2, $3, $4, $5)
on conflict (customer, account) do update set
    value = excluded.value, revision = excluded.revision, changed_at = excluded.changed_at
