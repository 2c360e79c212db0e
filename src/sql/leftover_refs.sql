-- core/environment/foreign.c: by table and column, the ids that Stripe does not have in this environment
select r.from_type, r.field, r.to_type, sum(case when a.state = 'foreign' then 0 else 1 end),
    sum(case when a.state = 'foreign' then 1 else 0 end), min(r.to_id)
from _absent a join _refs r on r.to_type = a.type and r.account = a.account and r.to_id = a.id
where a.account = $1
group by r.from_type, r.field, r.to_type order by r.from_type, r.field, r.to_type
