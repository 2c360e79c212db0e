-- core/outbox.c: due once more
update _states set delivered = 0 where customer > $1 and customer <= $2 and account = $3
