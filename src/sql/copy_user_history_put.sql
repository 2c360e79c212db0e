-- core/copy.c: a row of _user_history, unless it is there
insert into _user_history (user_id, account, binding, customer, bound_at, ended_at, why)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
