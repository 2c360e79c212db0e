-- core/customer/state.c: the active entitlements that are noted as a customer's
select o.data from _refs r
join objects o on o.type = r.to_type and o.id = r.to_id and o.account = r.account
where r.from_type = 'customer' and r.account = $1 and r.from_id = $2 and r.field = 'entitlements'
    and o.deleted = 0
order by r.to_id limit $3
