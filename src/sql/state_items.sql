-- core/customer/state.c: the items of a subscription that does not show them all
select o.data from _refs r
join objects o on o.type = r.to_type and o.id = r.to_id and o.account = r.account
where r.from_type = 'subscription' and r.account = $1 and r.from_id = $2 and r.member = 1
    and r.to_type = 'subscription_item' and o.deleted = 0
order by r.to_id limit $3
