-- catalog/impact.c: what hangs on a price, by type: how many are there, and how many still matter
select q.type, count(*), sum(q.live)
from (
    select o.type, o.id, coalesce(json_extract(o.data, '$.status'), '')
        in ('active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete', 'not_started', 'draft', 'open')
        or coalesce(json_extract(o.data, '$.active'), 0) = 1 as live
    from _refs r join objects o on o.type = r.from_type and o.account = r.account and o.id = r.from_id
    where r.to_type = 'price' and r.account = $1 and r.to_id = $2 and o.deleted = 0
        and r.from_type in ('subscription', 'subscription_schedule', 'quote', 'payment_link', 'checkout.session')
    union
    select o.type, o.id, coalesce(json_extract(o.data, '$.status'), '')
        in ('active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete', 'not_started', 'draft', 'open')
        or coalesce(json_extract(o.data, '$.active'), 0) = 1 as live
    from _refs r join _refs p on p.to_type = r.from_type and p.account = r.account and p.to_id = r.from_id
        and p.member = 1
    join objects o on o.type = p.from_type and o.account = p.account and o.id = p.from_id
    where r.to_type = 'price' and r.account = $1 and r.to_id = $2 and o.deleted = 0
        and p.from_type in ('subscription', 'subscription_schedule', 'quote', 'payment_link', 'checkout.session')) q
group by q.type order by q.type
