-- core/work.c: is there a living row that a 404 would bury?
select 1 from objects where type = $1 and account = $2 and id = $3 and deleted = 0
