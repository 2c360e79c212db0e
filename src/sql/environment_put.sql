-- core/env.c: the store becomes an identity's own
insert into _environment (one, name, account, livemode, created_at) values (1, $1, $2, $3, $4)
