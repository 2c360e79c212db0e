-- core/mirror/mirror.c: no member any more
delete from _refs
where from_type = $1 and account = $2 and from_id = $3 and field = $4 and to_type = $5 and to_id = $6
