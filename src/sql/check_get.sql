-- core/mirror/drift.c: where a type's check stands
select state, list, cursor, at_ticket, started_ticket, started_at, compared, repair, permitted, paced
from _checks where type = $1 and account = $2
