-- core/schedule.c: is any check under way? and which types' lists were seen whole, with the start of
-- their latest walk or check
select w.type, max(case when c.started_at > w.complete_at then c.started_at else w.complete_at end),
    (select count(*) from _checks u join _due d
        on d.kind = 'check' and d.type = u.type and d.id = '' and d.account = u.account
     where u.account = $1 and u.state not in ('done', 'skipped') and d.done_gen < d.gen and d.dead = 0)
from _walks w left join _checks c on c.type = w.type and c.account = w.account
    and c.state in ('done', 'skipped')
where w.account = $1 and w.variant not like 'parent=%' and w.state = 'complete'
group by w.type order by 2
