-- core/work.c: every nested list of this object is known to its end
update objects set open_lists = 0 where type = $1 and account = $2 and id = $3
