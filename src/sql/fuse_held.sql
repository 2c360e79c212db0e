-- core/environment/fuse.c: work that waits for a person's word; $1 is the beginning of its reason
select count(*) from _due where dead = 1 and done_gen < gen and last_error like $1 and account = $2
