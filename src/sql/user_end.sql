-- core/customer/user.c: the binding is over, or the operation was refused; the revision never goes back
update _users set state = 'none', customer = null, op = null, form = null,
    revision = case when $1 > revision then $1 else revision + 1 end, changed_at = $2
where user_id = $3 and account = $4
