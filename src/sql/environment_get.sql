-- core/env.c: whose store this is
select name, account, livemode, created_at, views, key_print, sealed_for from _environment
