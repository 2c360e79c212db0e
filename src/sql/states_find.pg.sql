-- core/customer/state_many.c: customers' states and their objects; $2 is a JSON array of ids
select i.id, s.value, s.revision, s.changed_at, s.synced_at, s.entitled_at, o.raw, o.deleted
from (select $1::text as account, ids.id from jsonb_array_elements_text($2::jsonb) as ids (id)) as i
left join lateral (select value, revision, changed_at, synced_at, entitled_at from _states
    where customer = i.id and account = i.account offset 0) as s on true
left join lateral (select raw, deleted from objects
    where type = 'customer' and account = i.account and id = i.id offset 0) as o on true
