-- core/erasure/erase.c: what an erased object referred to
delete from _refs where from_type = $1 and account = $2 and from_id = $3
