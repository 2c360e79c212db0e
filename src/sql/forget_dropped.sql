-- core/retention.c: dropped answers past their time
delete from _dropped where rowid in (
    select rowid from _dropped where at < $1 order by at limit $2)
