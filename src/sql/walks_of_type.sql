-- core/mirror/followup.c: a type's lists: how each stands, since when, and whether it is yet to be walked; of those
-- on test clocks, which may be any number, whether one is under way
select w.variant, w.state, w.started_ticket, (
    select count(*) from _due d where d.kind = 'walk' and d.type = w.type and d.id = w.variant
        and d.account = w.account and d.done_gen < d.gen and d.dead = 0)
from _walks w where w.type = $1 and w.account = $2 and w.variant not like 'parent=%'
    and w.variant not like '%test_clock=%' and w.variant not like 'customer=%'
union all
select 'test_clock=', 'walking', 0, n from (
    select count(*) as n from _walks c join _due d
        on d.kind = 'walk' and d.type = c.type and d.id = c.variant and d.account = c.account
    where c.type = $1 and c.account = $2 and c.state in ('waiting', 'walking') and d.done_gen < d.gen and d.dead = 0
        and (c.variant like '%test_clock=%' or c.variant like 'customer=%')) q where n > 0
