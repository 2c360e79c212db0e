-- core/copy.c: a row of _user_links, unless it is there
insert into _user_links (customer, account, user_id, created)
values ($1, $2, $3, $4)
on conflict do nothing
