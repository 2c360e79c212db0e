-- core/mirror/parents.c: what was answered when a list under a living parent was asked for in vain since that began
select w.reason from _walks w join objects o
    on o.type = $1 and o.account = w.account and o.deleted = 0 and w.variant = 'parent=' || o.id
where w.type = $2 and w.account = $3 and w.state = 'skipped' and w.variant like 'parent=%'
    and w.started_ticket >= (select p.started_ticket from _walks p
        where p.type = $2 and p.variant = 'parents' and p.account = $3)
order by w.variant limit 1
