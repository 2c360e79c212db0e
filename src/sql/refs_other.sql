-- core/erasure/erase.c: does an object refer to another object of a type than this one?
select 1 from _refs
where from_type = $1 and account = $2 and from_id = $3 and to_type = $4 and to_id <> $5
    and certain = 1 limit 1
