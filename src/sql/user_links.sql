-- core/customer/user.c: all customers whose metadata names the user, the oldest first
select customer, created from _user_links where account = $1 and user_id = $2
order by created, customer limit $3
