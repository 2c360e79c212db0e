-- core/copy.c: a page of _inbox
select seq, event, type, object_type, object_id, account, livemode, api_version, created,
    received_at, secret, deliveries, last_at, outcome, reason, body, twin
from _inbox where seq > $1
order by seq limit $2
