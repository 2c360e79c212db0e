-- core/due.c: by hand
update _due set dead = 0, attempts = 0, misses = 0, not_before = 0 where rowid in (
    select rowid from _due where dead = 1 and done_gen < gen and ($1 = '' or id = $1)
        and ($2 = '' or account = $2) limit $3)
