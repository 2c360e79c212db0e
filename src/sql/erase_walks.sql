-- core/erasure/erase.c: a list under an erased object
delete from _walks where type = $1 and variant = $2 and account = $3
