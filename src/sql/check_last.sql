-- core/mirror/drift.c: when the latest checks began and ended, and what they found
select c.type, c.state, c.started_at, c.finished_at, c.compared, c.repair, c.reason,
    (select count(*) from _drift d
        where d.type = c.type and d.account = c.account and d.confirmed = 1)
from _checks c where c.account = $1 order by c.type
