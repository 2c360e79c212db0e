-- core/customer/user.c: Stripe has no customer of the operation: the same once more, under another key
update _users set attempt = attempt + 1, key_at = $1
where user_id = $2 and account = $3 and op = $4 and attempt = $5
