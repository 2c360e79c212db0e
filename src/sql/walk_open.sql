-- core/mirror/walk.c: has the type a list that is not complete? and since which ticket are all complete?
select sum(case when state in ('complete', 'skipped') then 0 else 1 end), min(started_ticket)
from _walks where type = $1 and account = $2 and variant not like 'parent=%'
