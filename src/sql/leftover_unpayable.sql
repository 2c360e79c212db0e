-- core/environment/foreign.c: what hangs on payments that this environment does not have
select r.from_type, r.from_id, r.to_type, r.to_id, a.state
from _absent a join _refs r on r.to_type = a.type and r.account = a.account and r.to_id = a.id
where a.account = $1 and a.type in ('payment_intent', 'setup_intent')
order by r.from_type, r.from_id, r.to_id limit $2
