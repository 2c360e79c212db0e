-- core/erasure/unfinished.c: somebody tries now
update _erasing set touched_at = $1 where customer = $2 and account = $3
