-- core/mirror/references.c: is it in the mirror, and alive?
select deleted from objects where type = $1 and account = $2 and id = $3
