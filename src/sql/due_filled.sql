-- core/customer/customer.c: what a reference alone wanted is there now; a claim of it goes on
update _due set done_gen = gen
where kind = 'object' and type = $1 and id = $2 and account = $3
    and gen = 1 and done_gen = 0 and claimed = 0 and dead = 0 and cause = 'reference'
