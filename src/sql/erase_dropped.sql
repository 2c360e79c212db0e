-- core/erasure/erase.c: dropped answers about an erased object
delete from _dropped where type = $1 and account = $2 and id = $3
