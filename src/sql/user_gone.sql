-- core/customer/outbox.c: the key-value server has no pair of a forgotten user any more
delete from _users where user_id = $1 and account = $2 and state = 'forgotten' and revision <= $3
