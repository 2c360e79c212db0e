-- core/environment/foreign.c: objects of a type and an account
select count(*) from objects where type = $1 and account = $2
