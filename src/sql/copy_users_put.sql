-- core/copy.c: a row of _users, unless it is there
insert into _users (user_id, account, state, customer, bindings, bound_at, wanted, op, form, attempt, started_at, key_at, revision, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict do nothing
