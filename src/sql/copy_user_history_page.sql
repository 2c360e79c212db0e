-- core/copy.c: a page of _user_history
select user_id, account, binding, customer, bound_at, ended_at, why
from _user_history where (user_id, account, binding) > ($1, $2, $3)
order by user_id, account, binding limit $4
