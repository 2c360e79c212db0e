-- core/mirror/references.c: targets whose next look has come
select type, id from _absent where next_at > 0 and next_at <= $1 and account = $2
order by next_at limit $3
