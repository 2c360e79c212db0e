-- core/mirror/history.c: former versions of an object, the latest first
select revision, since, until, deleted, cause, data from _history
where type = $1 and account = $2 and id = $3 and revision < $4
order by revision desc limit $5
