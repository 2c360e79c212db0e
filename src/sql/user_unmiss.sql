-- core/customer/user.c: the user has another customer, which nobody has missed yet
update _due set misses = 0
where kind = 'user' and type = 'user' and id = $1 and account = $2 and misses > 0
