-- core/mirror/known.c: the rows that a page's objects will meet; $2 and $3 are JSON arrays of types and ids.
-- Each is looked up by its whole key, whatever the server believes of the table (offset 0)
select x.type, x.id, o.ticket, o.deleted, o.revision, o.raw, o.open_lists, o.changed_at,
    o.hidden
from (select $1::text as account, t.type, t.id
    from rows from (jsonb_array_elements_text($2::jsonb), jsonb_array_elements_text($3::jsonb)) as t (type, id)
    order by t.type collate "C", t.id collate "C") as x
cross join lateral (select ticket, deleted, revision, raw, open_lists, changed_at, hidden from objects
    where type = x.type and account = x.account and id = x.id offset 0 for update) as o
