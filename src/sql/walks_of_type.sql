-- core/mirror/followup.c: a type's lists: how each stands, since when, and whether it is yet to be walked
select w.variant, w.state, w.started_ticket, (
    select count(*) from _due d where d.kind = 'walk' and d.type = w.type and d.id = w.variant
        and d.account = w.account and d.done_gen < d.gen and d.dead = 0)
from _walks w where w.type = $1 and w.account = $2 and w.variant not like 'parent=%'
