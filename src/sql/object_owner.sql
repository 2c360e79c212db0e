-- core/customer/customer.c: whose list showed an object that does not say so itself
update objects set owner = $1 where type = $2 and account = $3 and id = $4
