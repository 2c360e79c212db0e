-- core/status.c: by type, whatever has rows or a walk; and how many lists under parents were walked
select c.type, c.objects + c.tombstones, c.tombstones, c.walk, c.complete_since, c.reason, c.state, c.fresh_at,
    c.events, c.open_lists, c.hidden, (select count(*) from _walks w
        where w.type = c.type and w.account = c.account and w.variant like 'parent=%')
from _coverage c where c.account = $1 and (c.objects + c.tombstones > 0 or c.walk is not null) order by c.type
