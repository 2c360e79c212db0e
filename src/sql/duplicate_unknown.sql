-- core/customer/duplicates.c: customers whose subscriptions cannot be read at the moment
select id, last_error from _due
where kind = 'customer' and type = 'customer' and id > $1 and account = $2
    and done_gen < gen and (dead = 1 or attempts > 0)
order by id limit $3
