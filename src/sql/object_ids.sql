-- core/mirror/clocks.c: ids of a type behind one
select id from objects where type = $1 and account = $2 and id > $3 and deleted = 0
order by id limit $4
