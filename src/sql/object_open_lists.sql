-- core/mirror/mirror.c: how many nested lists have their end elsewhere
update objects set open_lists = $1 where type = $2 and account = $3 and id = $4
