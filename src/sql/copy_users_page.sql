-- core/copy.c: a page of _users
select user_id, account, state, customer, bindings, bound_at, wanted, op, form, attempt, started_at, key_at, revision, changed_at
from _users where (user_id, account) > ($1, $2)
order by user_id, account limit $3
