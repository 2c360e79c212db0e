-- core/erasure/unfinished.c: an erasure begins, or comes to its last step
insert into _erasing (customer, account, words, touched_at) values ($1, $2, $3, $4)
on conflict (customer, account) do update set words = excluded.words, touched_at = excluded.touched_at
