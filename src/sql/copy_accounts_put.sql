-- core/copy.c: a row of _accounts, unless it is there
insert into _accounts (account, state, reason, since, asked_at, walked_at)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing
