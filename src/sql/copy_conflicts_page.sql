-- core/copy.c: a page of _inbox_conflicts
select seq, event, received_at, reason, body
from _inbox_conflicts where seq > $1
order by seq limit $2
