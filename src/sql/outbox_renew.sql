-- core/customer/outbox.c: the same value as something new, unless it is newer already
update _states set revision = $1, delivered = 0
where customer = $2 and account = $3 and revision < $1
