-- core/customer/user.c: who has this customer
select user_id, state from _users where account = $1 and customer = $2
