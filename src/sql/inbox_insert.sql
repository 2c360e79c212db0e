-- core/inbox.c: an event for the first time; changes nothing when its id is known
insert into _inbox (event, type, object_type, object_id, account, livemode, api_version, created,
    received_at, secret, last_at, outcome, reason, body, twin)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $11, $12, $13, $14)
on conflict (event) do nothing
