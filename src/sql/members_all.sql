-- core/mirror/mirror.c: what lives in an object's nested lists
select field, to_type, to_id from _refs
where from_type = $1 and account = $2 and from_id = $3 and member = 1
order by field, to_type, to_id limit $4
