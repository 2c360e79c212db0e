-- core/copy.c: a row of _inbox, unless it is there
insert into _inbox (seq, event, type, object_type, object_id, account, livemode, api_version, created,
    received_at, secret, deliveries, last_at, outcome, reason, body, twin)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict do nothing
