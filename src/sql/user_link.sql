-- core/customer/user.c: a customer's metadata names a user
insert into _user_links (customer, account, user_id, created) values ($1, $2, $3, $4)
on conflict (customer, account) do update set user_id = excluded.user_id, created = excluded.created
