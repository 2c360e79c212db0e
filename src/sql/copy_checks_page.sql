-- core/copy.c: a page of _checks
select type, account, state, list, cursor, at_ticket, started_ticket, started_at, finished_at,
    compared, repair, permitted, paced, reason
from _checks where (type, account) > ($1, $2) order by type, account limit $3
