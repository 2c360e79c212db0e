-- core/mirror/drift.c: checks that share a pace: of the environment's own account, or of all connected ones
select count(*) from _due where kind = 'check' and guest = $1 and done_gen < gen and dead = 0
