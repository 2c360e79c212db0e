-- core/mirror/hidden.c: as of a ticket complete lists have not shown it; null: one does
update objects set hidden = $1 where type = $2 and account = $3 and id = $4
