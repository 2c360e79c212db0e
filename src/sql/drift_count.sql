-- core/mirror/drift.c: how much the check of a type has found
select count(*) from _drift where type = $1 and account = $2 and confirmed = 1
