-- core/customer/state.c: whose entitlement it is
select from_id from _refs
where to_type = $1 and account = $2 and to_id = $3 and from_type = 'customer' and member = 1 limit 1
