-- core/customer/user.c: the customer was erased: nothing of it stays
update _users set wanted = null, form = null, op = null where user_id = $1 and account = $2
