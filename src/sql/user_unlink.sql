-- core/customer/user.c: a customer names no user any more, or is no more
delete from _user_links where customer = $1 and account = $2
