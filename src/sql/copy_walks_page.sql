-- core/copy.c: a page of _walks
select type, variant, account, cursor, run, started_ticket, started_at, finished_at, complete_at,
    complete_ticket, objects, pages, state, reason
from _walks where (type, variant, account) > ($1, $2, $3)
order by type, variant, account limit $4
