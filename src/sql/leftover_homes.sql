-- core/leftovers/leftovers_whose.c: the connected accounts that have an id, those that live first
select o.account, o.deleted, coalesce(a.state, '') as state
from objects o left join _accounts a on a.account = o.account
where o.type = $1 and o.id = $2 and o.account <> $3 and o.deleted < 2
order by o.deleted, case when a.state in ('new', 'active') then 0 else 1 end, o.account limit 1
