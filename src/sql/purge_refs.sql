-- core/foreign.c: the same of what they refer to
delete from _refs where from_type = $1 and account = $2
    and from_id in (select from_id from _refs where from_type = $1 and account = $2 limit $3)
