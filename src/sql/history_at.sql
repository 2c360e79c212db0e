-- core/mirror/history.c: the version that held at a time, unless it is the present one
select revision, since, until, deleted, cause, data from _history
where type = $1 and account = $2 and id = $3 and since <= $4 and until > $4
order by revision desc limit 1
