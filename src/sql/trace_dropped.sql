-- core/trace.c: the latest answers about an object that were dropped
select at, source, reason from _dropped
where type = $1 and account = $2 and id = $3 and at >= $4
order by ticket desc limit $5
