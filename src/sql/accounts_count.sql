-- core/environment/foreign_purge.c: how many connected accounts are in a state
select count(*) from _accounts where state = $1
