-- core/erasure/erase.c, core/mirror/walk.c: a list under an object that is erased or gone
delete from _walks where type = $1 and variant = $2 and account = $3
