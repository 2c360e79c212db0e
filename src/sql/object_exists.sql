-- core/mirror/mirror.c: is the target of a reference here, alive or dead?
select 1 from objects where type = $1 and account = $2 and id = $3
