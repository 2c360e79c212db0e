-- core/customer/outbox.c: users in the order of their ids
select user_id from _users where user_id > $1 and account = $2 order by user_id limit $3
