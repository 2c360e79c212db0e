-- core/customer/state_many.c: the subscriptions of several customers; $2 is a JSON array of their ids
select i.id, o.id, o.raw
from (select $1::text as account, ids.id from jsonb_array_elements_text($2::jsonb) as ids (id)) as i
cross join lateral (select from_id from _refs where to_type = 'customer' and to_id = i.id
    and account = i.account and from_type || '' = 'subscription' and field || '' = 'customer'
    offset 0) as r
cross join lateral (select id, raw, deleted from objects
    where type = 'subscription' and account = i.account and id = r.from_id offset 0) as o
where o.deleted = 0
order by i.id collate "C", o.id limit $3
