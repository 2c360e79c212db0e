-- core/mirror/mirror.c: an object's references, but for the members of its lists, before they are written anew
delete from _refs where from_type = $1 and account = $2 and from_id = $3 and member = 0
