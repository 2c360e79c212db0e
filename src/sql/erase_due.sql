-- core/erasure/erase.c: nothing is due for an erased object, nor for a list under it
delete from _due where kind = $1 and type = $2 and id = $3 and account = $4
