-- core/customer/duplicates.c: customers with more than one live subscription
select customer from _states where live > 1 and account = $1 and customer > $2
order by customer limit $3
