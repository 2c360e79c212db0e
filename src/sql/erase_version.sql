-- core/erasure/erase.c: a former version that names an erased person
delete from _history where type = $1 and account = $2 and id = $3 and revision = $4
