-- core/mirror/references.c: what an object refers to, and what is known of it
select r.field, r.to_type, r.to_id, r.member, r.certain, o.deleted, x.state, x.answer
from _refs r
left join objects o on o.type = r.to_type and o.account = r.account and o.id = r.to_id
left join _absent x on x.type = r.to_type and x.id = r.to_id and x.account = r.account
where r.from_type = $1 and r.account = $2 and r.from_id = $3
order by r.field, r.to_type, r.to_id limit $4
