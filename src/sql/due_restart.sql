-- core/due.c: no claim of an earlier life holds, every pause is over
update _due set claimed = 0, not_before = 0 where done_gen < gen and dead = 0
