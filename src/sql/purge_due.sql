-- core/foreign.c: the same of the work for them
delete from _due where kind = 'object' and type = $1 and account = $2
    and id in (select id from _due where kind = 'object' and type = $1 and account = $2 limit $3)
