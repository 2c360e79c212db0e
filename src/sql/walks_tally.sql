-- core/mirror/sync.c: by type, its walks that began since $2 or have not ended: how far the least finished is, a
-- reason (first that of all lists under parents), sums, how many there are, and how many complete, skipped, failed
select type,
    max(case state when 'failed' then 4 when 'walking' then 3 when 'waiting' then 2 when 'skipped' then 1 else 0 end),
    coalesce(max(case when variant = 'parents' then reason end), max(reason)),
    cast(sum(objects) as bigint), cast(sum(pages) as bigint), count(*),
    cast(sum(case when state = 'complete' then 1 else 0 end) as bigint),
    cast(sum(case when state = 'skipped' then 1 else 0 end) as bigint),
    cast(sum(case when state = 'failed' then 1 else 0 end) as bigint)
from _walks where account = $1 and (started_at >= $2 or finished_at = 0) group by type order by type
