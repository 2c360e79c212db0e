-- core/retention.c: former versions past their time
delete from _history where (type, account, id, revision) in (
    select type, account, id, revision from _history where until < $1 order by until limit $2)
