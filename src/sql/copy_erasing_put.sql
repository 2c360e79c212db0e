-- core/copy.c: an erasure under way, unless it is there
insert into _erasing (customer, account, words, touched_at)
values ($1, $2, $3, $4) on conflict do nothing
