-- core/inbox.c: everything about one event
select event, type, object_type, object_id, account, livemode, api_version, created, received_at,
    secret, deliveries, last_at, outcome, reason, body, seq,
    (select count(*) from _inbox_conflicts c where c.event = _inbox.event)
from _inbox where event = $1
