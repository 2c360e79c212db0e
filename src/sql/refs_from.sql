-- core/mirror/walk.c: what of a type refers to an object; the plus signs keep SQLite from walking the type
select distinct from_id from _refs
where to_type = $1 and account = $2 and to_id = $3 and +from_type = $4 and +from_id > $5
order by from_id limit $6
