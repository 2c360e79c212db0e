-- core/copy.c: a row of _counters, unless it is there
insert into _counters (name, value)
values ($1, $2)
on conflict do nothing
