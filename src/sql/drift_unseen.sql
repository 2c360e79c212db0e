-- core/mirror/drift.c: objects that no list of the check has shown; what a list shows in another
-- version keeps its ticket, and is noted
select id, ticket, hidden, fetched_at from objects o
where type = $1 and account = $2 and ticket < $3 and (ticket, id) > ($4, $5) and deleted = 0
and not exists (select 1 from _drift d
    where d.type = $1 and d.account = $2 and d.id = o.id and d.confirmed = 0)
order by ticket, id limit $6
