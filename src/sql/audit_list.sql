-- core/audit.c: the latest of it, newest first
select at, what, detail from _audit order by seq desc limit $1
