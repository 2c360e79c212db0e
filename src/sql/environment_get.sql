-- core/env.c: whose store this is; schema-001 must know what is asked for (seal_get.sql)
select name, account, livemode, created_at, views, key_print, sealed_for from _environment
