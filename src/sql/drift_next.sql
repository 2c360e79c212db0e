-- core/mirror/drift.c: differences that are not confirmed yet
select id, what, revision from _drift
where type = $1 and account = $2 and confirmed = 0 order by id limit $3
