-- core/mirror/followup.c: objects that the finished lists of a type have not shown
select id, ticket, hidden, fetched_at from objects
where type = $1 and account = $2 and ticket < $3 and (ticket, id) > ($4, $5) and deleted = 0
order by ticket, id limit $6
