-- core/customer/user.c: a user is forgotten as soon as the key-value server has no pair of it
update _users set state = 'forgotten', customer = null, wanted = null, op = null, form = null,
    revision = case when $1 > revision then $1 else revision + 1 end, changed_at = $2
where user_id = $3 and account = $4
