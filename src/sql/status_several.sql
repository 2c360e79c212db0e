-- core/status.c: customers with more than one live subscription
select count(*) from _states where live > 1 and account = $1
