-- core/erasure/erase.c: former versions of an erased object
delete from _history where type = $1 and account = $2 and id = $3
