-- core/mirror/derived.c: customers that have a state, in the order of their ids
select customer from _states where account = $1 and customer > $2 order by customer limit $3
