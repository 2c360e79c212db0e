-- core/customer/user.c: the user's customer as metadata has it, or none; the revision never goes back
insert into _users (user_id, account, state, customer, revision, changed_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (user_id, account) do update set
    state = excluded.state, customer = excluded.customer, changed_at = excluded.changed_at,
    revision = case when excluded.revision > _users.revision then excluded.revision
        else _users.revision + 1 end
