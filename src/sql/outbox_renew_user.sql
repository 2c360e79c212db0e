-- core/customer/outbox.c: the same customer as something new, unless it is newer already
update _users set revision = $1, delivered = 0
where user_id = $2 and account = $3 and revision < $1
