-- core/retention.c: former versions past their time
delete from _history where rowid in (
    select rowid from _history where until < $1 order by until limit $2)
