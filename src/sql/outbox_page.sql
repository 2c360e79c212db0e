-- core/customer/outbox.c: customers with a state, or with subscriptions, in the order of their ids
select customer from (
    select customer from _states where customer > $1 and account = $2 order by customer limit $3) s
union
select customer from (
    select distinct to_id as customer from _refs
    where to_type = 'customer' and to_id > $1 and account = $2 and from_type = 'subscription'
    order by to_id limit $3) r
order by customer limit $3
