-- core/customer/state.c: a customer's subscriptions in the order of their ids
select o.id, o.data from _refs r
join objects o on o.type = r.from_type and o.id = r.from_id and o.account = r.account
where r.to_type = 'customer' and r.to_id = $1 and r.account = $2
    and +r.from_type = 'subscription' and +r.field = 'customer'
    and r.from_id > $3 and o.deleted = 0
order by r.from_id limit $4
