-- core/mirror/references.c: how often was a missing target looked for?
select looks, first_at from _absent where type = $1 and account = $2 and id = $3
