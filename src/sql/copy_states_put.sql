-- core/copy.c: a row of _states, unless it is there
insert into _states (customer, account, value, revision, changed_at, synced_at, entitled_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
