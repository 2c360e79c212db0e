-- core/customer/user.c: an operation begins: nothing of it changes any more
update _users set state = 'creating', op = $1, form = $2, attempt = 1, started_at = $3, key_at = $3
where user_id = $4 and account = $5 and state in ('none', 'found') and op is null
