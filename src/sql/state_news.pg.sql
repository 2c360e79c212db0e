-- core/customer/state.c: when the first of what waits to be fetched of a customer happened, as its event says
with k (kind, type, id) as (
    select 'object', 'customer', $1::text
    union all select 'customer', 'customer', $1
    union all
    select 'object', 'subscription', from_id from _refs
    where to_type = 'customer' and to_id = $1 and account = $2 and from_type = 'subscription')
select min(i.created)
from k join _due d on d.kind = k.kind and d.type = k.type and d.id = k.id
join _inbox i on i.object_type = d.type and i.object_id = d.id
    and coalesce(i.account, (select account from _environment)) = d.account
    and i.outcome <> 'quarantined'
where d.account = $2 and d.done_gen < d.gen and i.received_at >= d.due_since - 60000
