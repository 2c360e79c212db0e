-- core/retention.c: dropped answers past their time
delete from _dropped where (type, account, id, ticket) in (
    select type, account, id, ticket from _dropped where at < $1 order by at limit $2)
