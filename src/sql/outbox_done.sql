-- core/customer/outbox.c: the server has this revision
update _states set delivered = $1 where customer = $2 and account = $3 and delivered < $1
