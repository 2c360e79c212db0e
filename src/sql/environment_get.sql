-- core/env.c: whose store this is
select name, account, livemode, created_at, views from _environment
