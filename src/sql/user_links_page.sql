-- core/customer/user.c: which customers name which users
select customer, user_id from _user_links where account = $1 and customer > $2
order by customer limit $3
