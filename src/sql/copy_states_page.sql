-- core/copy.c: a page of _states
select customer, account, value, revision, changed_at, synced_at, entitled_at, live
from _states where (customer, account) > ($1, $2)
order by customer, account limit $3
