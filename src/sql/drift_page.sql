-- core/mirror/drift.c: what the latest check of a type found, and what became of it
select d.id, d.what, d.fields, d.found_at, c.repair, u.gen, u.done_gen, u.dead, u.last_error
from _drift d join _checks c on c.type = d.type and c.account = d.account
left join _due u on u.kind = 'object' and u.type = d.type and u.id = d.id and u.account = d.account
where d.type = $1 and d.account = $2 and d.confirmed = 1 and d.id > $3
order by d.id limit $4
