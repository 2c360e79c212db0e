-- core/customer/outbox.c: the server has this revision
update _users set delivered = $1 where user_id = $2 and account = $3 and delivered < $1
