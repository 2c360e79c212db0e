-- core/mirror/history.c: since when the versions of an object are known
select since from _history where type = $1 and account = $2 and id = $3
order by revision limit 1
