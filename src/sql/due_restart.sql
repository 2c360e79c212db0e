-- core/due.c: no claim of an earlier life holds, every pause is over; the owner $1 is the only one
update _due set claimed = 0, not_before = 0 where done_gen < gen and dead = 0 and $1 >= 0
