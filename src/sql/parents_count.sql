-- core/mirror/parents.c: how many living objects a type has
select count(*) from objects where type = $1 and account = $2 and deleted = 0
