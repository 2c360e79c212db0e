-- core/customer/outbox.c: customers with a state, in the order of their ids
select customer from _states where customer > $1 and account = $2 order by customer limit $3
