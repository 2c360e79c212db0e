-- core/due.c: no claim of the owner $1's earlier life holds; others end by their leases
update _due set claimed = 0, not_before = 0 where ctid in (
    select ctid from _due where claimed = $1 and $1 > 1 and done_gen < gen and dead = 0 limit $2)
