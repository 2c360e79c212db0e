-- core/mirror/references.c: everything that hangs on an object, one a row
select r.from_type, r.from_id, r.field, o.deleted
from _refs r join objects o on o.type = r.from_type and o.account = r.account and o.id = r.from_id
where r.to_type = $1 and r.account = $2 and r.to_id = $3
    and (r.from_type, r.from_id, r.field) > ($4, $5, $6)
order by r.from_type, r.from_id, r.field limit $7
