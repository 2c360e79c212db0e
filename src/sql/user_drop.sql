-- core/customer/user.c: a user is forgotten
delete from _users where user_id = $1 and account = $2
