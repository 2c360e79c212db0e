-- core/due.c: a claim gets its owner's number, $1, where several processes work
update _due set claimed = $1 where kind = $2 and type = $3 and id = $4 and account = $5
