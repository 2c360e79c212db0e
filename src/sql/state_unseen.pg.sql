-- core/customer/customer.c: a customer's subscriptions that its list has not shown
select r.from_id from _refs r
join objects o on o.type = r.from_type and o.id = r.from_id and o.account = r.account
where r.to_type = 'customer' and r.to_id = $1 and r.account = $2
    and r.from_type = 'subscription' and r.field = 'customer'
    and o.ticket < $3 and o.deleted = 0 and r.from_id > $4
order by r.from_id limit $5
