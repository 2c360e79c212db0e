-- core/customer/user.c: the customer was erased
delete from _user_history where account = $1 and customer = $2
