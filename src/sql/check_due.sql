-- core/mirror/drift.c: which types' lists were seen whole, with the start of their latest walk or check, and
-- those under parents that were not, with the start of the walk that failed; none that is to be checked or
-- walked already. And is any check, or walk of such lists, under way? What failed waits for its own next
-- attempt: nobody else waits for that.
select w.type, max(case when c.started_at > w.complete_at then c.started_at
        when w.state = 'failed' then w.started_at else w.complete_at end),
    (select count(*) from _due d
        where d.kind = 'check' and d.id = '' and d.account = $1 and d.done_gen < d.gen and d.dead = 0
            and d.attempts = 0)
    + (select count(*) from _walks u join _due d
        on d.kind = 'walk' and d.type = u.type and d.id = u.variant and d.account = u.account
     where u.account = $1 and u.variant = 'parents' and u.state in ('waiting', 'walking')
        and d.done_gen < d.gen and d.dead = 0)
from _walks w left join _checks c on c.type = w.type and c.account = w.account
where w.account = $1 and w.variant not like 'parent=%'
    and (w.state = 'complete' or w.state = 'failed' and w.variant = 'parents')
    and not exists (select 1 from _due d
        where d.kind = 'check' and d.type = w.type and d.id = '' and d.account = w.account
            and d.done_gen < d.gen and d.dead = 0)
    and not exists (select 1 from _due d
        where d.kind = 'walk' and d.type = w.type and d.id = 'parents' and d.account = w.account
            and d.done_gen < d.gen and d.dead = 0)
group by w.type order by 2
