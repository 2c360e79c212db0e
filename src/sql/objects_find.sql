-- core/mirror/known.c: the rows that a page's objects will meet; $2 and $3 are JSON arrays of types and ids
select o.type, o.id, o.ticket, o.deleted, o.revision, o.data, o.open_lists, o.changed_at,
    o.hidden
from objects o
where o.account = $1 and (o.type, o.id) in (select t.value, i.value
    from json_each($2) as t join json_each($3) as i on i.key = t.key)
