-- core/walk.c: objects that a finished walk has not shown
select id, ticket from objects
where type = $1 and account = $2 and ticket < $3 and ticket > $4 and deleted = 0
order by ticket limit $5
