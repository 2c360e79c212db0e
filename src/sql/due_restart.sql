-- core/due.c: no claim of an earlier life holds, every pause is over; the owner $1 is the only one
update _due set claimed = 0, not_before = 0 where rowid in (
    select rowid from _due
    where done_gen < gen and dead = 0 and (claimed <> 0 or not_before > 0) and $1 >= 0
    limit $2)
