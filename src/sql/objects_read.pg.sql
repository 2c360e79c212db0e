-- core/customer/state_many.c: objects of a type; $3 is a JSON array of their ids
select o.id, o.raw, o.deleted
from (select $1::text as type, $2::text as account, ids.id
    from jsonb_array_elements_text($3::jsonb) as ids (id)) as i
cross join lateral (select id, raw, deleted from objects
    where type = i.type and account = i.account and id = i.id offset 0) as o
