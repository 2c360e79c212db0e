-- core/erasure/unfinished.c: it is ours, unless somebody has touched it since it was looked at ($4)
update _erasing set touched_at = $1 where customer = $2 and account = $3 and touched_at = $4
