-- core/customer/user.c: customers in the mirror, to be looked through for the users they name
select id, raw from objects where type = 'customer' and account = $1 and deleted = 0 and id > $2
order by id limit $3
