-- core/mirror/drift.c: what an earlier check of the type found
delete from _drift where ctid in (
    select ctid from _drift where type = $1 and account = $2 limit $3)
