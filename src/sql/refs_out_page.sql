-- core/erasure/erase.c: what an object refers to
select field, to_type, to_id, member, certain from _refs
where from_type = $1 and account = $2 and from_id = $3 and (field, to_type, to_id) > ($4, $5, $6)
order by field, to_type, to_id limit $7
