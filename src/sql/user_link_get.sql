-- core/customer/user.c: which user a customer's metadata names
select user_id, created from _user_links where customer = $1 and account = $2
