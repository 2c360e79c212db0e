-- core/erasure/erase.c: the newest event
select coalesce(max(seq), 0) from _inbox
