-- core/mirror/drift.c: which types' lists were seen whole, with the start of their latest walk or check, and
-- those under parents that were not, with the start of the walk that failed; and is any check, or walk of
-- such lists, under way?
select w.type, max(case when c.started_at > w.complete_at then c.started_at
        when w.state = 'failed' then w.started_at else w.complete_at end),
    (select count(*) from _checks u join _due d
        on d.kind = 'check' and d.type = u.type and d.id = '' and d.account = u.account
     where u.account = $1 and u.state not in ('done', 'skipped') and d.done_gen < d.gen and d.dead = 0)
    + (select count(*) from _walks u join _due d
        on d.kind = 'walk' and d.type = u.type and d.id = u.variant and d.account = u.account
     where u.account = $1 and u.variant = 'parents' and u.state in ('waiting', 'walking')
        and d.done_gen < d.gen and d.dead = 0)
from _walks w left join _checks c on c.type = w.type and c.account = w.account
    and c.state in ('done', 'skipped')
where w.account = $1 and w.variant not like 'parent=%'
    and (w.state = 'complete' or w.state = 'failed' and w.variant = 'parents')
group by w.type order by 2
