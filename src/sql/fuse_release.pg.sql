-- core/environment/fuse.c: a person has said so; $1 is the beginning of the reason, $3 a type or empty
update _due set dead = 0, attempts = 0, misses = 1, permitted = 1, not_before = 0 where ctid in (
    select ctid from _due where dead = 1 and done_gen < gen and last_error like $1 and account = $2
        and ($3 = '' or type = $3) limit $4)
