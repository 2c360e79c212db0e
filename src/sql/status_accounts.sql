-- core/status.c: connected accounts behind $1, and how complete each is
select a.account, a.state, a.reason, a.since, a.walked_at,
    (select count(*) from (
        select type from _walks w where w.account = a.account and w.variant not like 'parent=%'
        group by type
        having min(case when w.complete_at > 0 then 1 else 0 end) = 1) f),
    (select count(*) from (
        select type from _walks w where w.account = a.account and w.variant not like 'parent=%'
        group by type
        having min(case when w.state = 'skipped' then 1 else 0 end) = 1) s),
    (select count(*) from _walks w where w.account = a.account and w.state in ('waiting', 'walking')),
    (select count(*) from _due d where d.guest = 1 and d.lane in (0, 1, 2, 3)
        and d.account = a.account and d.done_gen < d.gen and d.dead = 0),
    (select value from _counters where name = 'events_read:' || a.account)
from _accounts a where a.account > $1 order by a.account limit $2
