-- core/copy.c: a page of _counters
select name, value
from _counters where name > $1
order by name limit $2
