-- core/mirror/drift.c: its own GET has said the same
update _drift set confirmed = 1, what = $1, fields = $2 where type = $3 and account = $4 and id = $5
