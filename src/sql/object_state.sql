-- core/erasure/erase.c: is it erased?
select deleted from objects where type = $1 and account = $2 and id = $3
