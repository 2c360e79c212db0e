-- core/copy.c: a page of _due
select kind, type, id, account, lane, gen, done_gen, ticket, due_since, attempts, gone_hint,
    misses, dead, last_error, last_status, cause, guest, permitted, depth
from _due where (kind, type, id, account) > ($1, $2, $3, $4)
order by kind, type, id, account limit $5
