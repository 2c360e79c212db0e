-- core/foreign.c: a piece of an account's objects of a type
delete from objects where type = $1 and account = $2
    and id in (select id from objects where type = $1 and account = $2 limit $3)
