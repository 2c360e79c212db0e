-- core/mirror/references.c: what hangs on an object: by type and field, alive and deleted; and the parents
-- of what hangs on it as a member of their lists
select r.from_type, r.field, '' as through, sum(1 - o.deleted), sum(o.deleted), min(r.from_id)
from _refs r join objects o on o.type = r.from_type and o.account = r.account and o.id = r.from_id
where r.to_type = $1 and r.account = $2 and r.to_id = $3 and r.member = 0
group by r.from_type, r.field
union all
select q.type, q.field, q.through, sum(1 - q.deleted), sum(q.deleted), min(q.id)
from (
    select distinct p.from_type as type, p.field, r.from_type as through, p.from_id as id, o.deleted
    from _refs r
    join _refs p on p.to_type = r.from_type and p.account = r.account and p.to_id = r.from_id
        and p.member = 1
    join objects o on o.type = p.from_type and o.account = p.account and o.id = p.from_id
    where r.to_type = $1 and r.account = $2 and r.to_id = $3 and r.member = 0) q
group by q.type, q.field, q.through
order by 1, 2, 3
