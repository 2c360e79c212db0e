-- core/due.c: a claim for $3 from now ($2)
update _due set claimed = 1, claimed_gen = gen, ticket = $1, not_before = $2 + $3
where kind = $4 and type = $5 and id = $6 and account = $7
