-- core/inbox.c: one more delivery of a known event
update _inbox set deliveries = deliveries + 1, last_at = $1 where event = $2
returning type, object_type, object_id, account, livemode, outcome
