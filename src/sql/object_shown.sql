-- core/mirror/hidden.c: a list shows it
update objects set hidden = null where type = $1 and account = $2 and id = $3
