-- core/customer/user.c: a binding that is over
insert into _user_history (user_id, account, binding, customer, bound_at, ended_at, why)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
