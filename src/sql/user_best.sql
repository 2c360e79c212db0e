-- core/customer/user.c: the oldest living customer whose metadata names the user
select customer from _user_links where account = $1 and user_id = $2
order by created, customer limit 1
