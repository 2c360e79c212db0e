-- core/customer/state_many.c: the subscriptions of several customers; $2 is a JSON array of their ids
select r.to_id, o.id, o.data from (select $1 as account) as x cross join json_each($2) as i
join _refs r on r.to_type = 'customer' and r.to_id = i.value and r.account = x.account
    and +r.from_type = 'subscription' and +r.field = 'customer'
join objects o on o.type = 'subscription' and o.account = x.account and o.id = r.from_id and o.deleted = 0
order by r.to_id, r.from_id limit $3
