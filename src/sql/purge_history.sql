-- core/foreign.c: the same of former versions
delete from _history where type = $1 and account = $2
    and id in (select id from _history where type = $1 and account = $2 limit $3)
