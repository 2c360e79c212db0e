-- core/customer/state.c: a customer's subscriptions in the order of their ids; the expressions keep the server
-- from walking all subscriptions, the offset from walking all objects
select o.id, o.raw from _refs r
cross join lateral (select id, raw, deleted from objects
    where type = 'subscription' and account = r.account and id = r.from_id offset 0) as o
where r.to_type = 'customer' and r.to_id = $1 and r.account = $2
    and r.from_type || '' = 'subscription' and r.field || '' = 'customer'
    and r.from_id > $3 and o.deleted = 0
order by r.from_id limit $4
