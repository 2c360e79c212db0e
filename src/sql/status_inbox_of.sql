-- core/status.c: what arrived of a connected account
select count(*), coalesce(sum(deliveries), 0),
    coalesce(sum(case when outcome = 'quarantined' then 1 else 0 end), 0),
    coalesce(sum(case when outcome = 'unknown' then 1 else 0 end), 0),
    coalesce(sum(case when outcome = 'unfetchable' then 1 else 0 end), 0),
    (select count(*) from _inbox_conflicts c join _inbox i on i.event = c.event where i.account = $1),
    max(last_at)
from _inbox where account = $1
