-- core/customer/state_many.c: customers' states and their objects; $2 is a JSON array of ids
select i.value, s.value, s.revision, s.changed_at, s.synced_at, s.entitled_at, o.data, o.deleted
from (select $1 as account) as x cross join json_each($2) as i
left join _states s on s.customer = i.value and s.account = x.account
left join objects o on o.type = 'customer' and o.account = x.account and o.id = i.value
