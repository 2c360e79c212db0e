-- core/user.c: the binding is over, or the operation was refused
update _users set state = 'none', customer = null, op = null, form = null, revision = $1,
    changed_at = $2
where user_id = $3 and account = $4
