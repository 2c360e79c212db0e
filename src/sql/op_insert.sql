-- catalog/journal.c: a new operation
insert into _ops (id, account, kind, actor, api_key, caller_key, dry_run, input, created_at, changed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
