-- core/customer/user.c: the user has a customer from here on; the revision never goes back
update _users set state = 'bound', customer = $1, bindings = bindings + 1, bound_at = $2,
    op = null, form = null, changed_at = $2,
    revision = case when $3 > revision then $3 else revision + 1 end
where user_id = $4 and account = $5 and state <> 'bound'
    and coalesce(op, '') = $6
