-- core/user.c: the user has a customer from here on
update _users set state = 'bound', customer = $1, bindings = bindings + 1, bound_at = $2,
    op = null, form = null, revision = $3, changed_at = $2
where user_id = $4 and account = $5 and state <> 'bound'
    and coalesce(op, '') = $6
