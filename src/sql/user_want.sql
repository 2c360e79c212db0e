-- core/customer/user.c: somebody wants the user to have a customer
insert into _users (user_id, account, wanted) values ($1, $2, $3)
on conflict (user_id, account) do update set wanted = excluded.wanted,
    state = case when _users.state = 'forgotten' then 'none' else _users.state end
