-- core/copy.c: a row of _inbox_conflicts, unless it is there
insert into _inbox_conflicts (seq, event, received_at, reason, body)
values ($1, $2, $3, $4, $5)
on conflict do nothing
