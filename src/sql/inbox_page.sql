-- core/inbox.c: the list for people, newest first
select event, type, object_type, object_id, outcome, reason, received_at, deliveries, seq, account
from _inbox
where seq < $1 and ($2 = '' or outcome = $2) and ($3 = '' or type = $3)
    and ($4 = '' or coalesce(account, (select account from _environment)) = $4)
order by seq desc limit $5
