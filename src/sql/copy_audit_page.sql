-- core/copy.c: a page of _audit
select seq, at, what, detail
from _audit where seq > $1 order by seq limit $2
