-- core/customer/user.c: one user's row
select state, customer, bindings, bound_at, wanted, op, form, attempt, started_at, key_at, revision
from _users where user_id = $1 and account = $2
