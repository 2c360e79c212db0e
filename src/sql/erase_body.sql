-- core/erasure/erase.c: the body of an event that names an erased person
update _inbox set body = null where seq = $1
