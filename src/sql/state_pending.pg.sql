-- core/customer/state.c: what of a customer and its subscriptions waits to be fetched
with k (kind, type, id) as (
    select 'object', 'customer', $1::text
    union all select 'customer', 'customer', $1
    union all
    select 'object', 'subscription', from_id from _refs
    where to_type = 'customer' and to_id = $1 and account = $2 and from_type = 'subscription')
select min(d.due_since), sum((d.attempts > 0)::int), max(d.last_error)
from k join _due d on d.kind = k.kind and d.type = k.type and d.id = k.id
where d.account = $2 and d.done_gen < d.gen
having count(*) > 0
