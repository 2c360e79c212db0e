-- core/copy.c: a row of _states, unless it is there
insert into _states (customer, account, value, revision, changed_at, synced_at, entitled_at, live)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict do nothing
