-- core/due.c: one key's state
select gen, done_gen, dead, claimed, attempts, last_error, last_status, cause, due_since
from _due
where kind = $1 and type = $2 and id = $3 and account = $4
