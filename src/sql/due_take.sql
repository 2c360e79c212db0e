-- core/due.c: a claim
update _due set claimed = 1, claimed_gen = gen, ticket = $1, not_before = $2
where kind = $3 and type = $4 and id = $5 and account = $6
