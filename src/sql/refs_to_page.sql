-- core/erasure/erase.c: what refers to an object, by type and id
select distinct from_type, from_id from _refs
where to_type = $1 and account = $2 and to_id = $3 and (certain = 1 or member = 1)
    and (from_type, from_id) > ($4, $5)
order by from_type, from_id limit $6
