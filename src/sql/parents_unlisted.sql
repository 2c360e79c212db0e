-- core/mirror/parents.c: living objects behind an id under which a type was not listed since that began; by
-- tickets, for a clock may be set back
select o.id from objects o
where o.type = $1 and o.account = $2 and o.deleted = 0 and o.id > $3 and not exists (
    select 1 from _walks w
    where w.type = $4 and w.variant = 'parent=' || o.id and w.account = o.account
        and (w.state in ('waiting', 'walking') or w.started_ticket >= (select p.started_ticket from _walks p
            where p.type = $4 and p.variant = 'parents' and p.account = o.account)))
order by o.id limit $5
