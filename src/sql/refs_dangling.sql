-- core/mirror/references.c: what is referred to and not in the mirror, with what is known about it
select m.to_id, m.n, m.example, d.gen, d.done_gen, d.dead, d.last_error, x.state, x.status,
    x.answer, x.first_at, x.last_at, x.next_at, x.looks
from (
    select r.to_id, r.account, count(*) as n, min(r.from_type || ' ' || r.field || ' ' || r.from_id)
        as example
    from _refs r
    where r.account = $1 and r.to_type = $2 and r.to_id > $3 and r.certain = 1
        and not exists (select 1 from objects o
            where o.type = r.to_type and o.account = r.account and o.id = r.to_id)
    group by r.to_id, r.account order by r.to_id limit $4) m
left join _due d on d.kind = 'object' and d.type = $2 and d.id = m.to_id and d.account = m.account
left join _absent x on x.type = $2 and x.id = m.to_id and x.account = m.account
order by m.to_id
