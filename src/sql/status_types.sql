-- core/status.c: by type, whatever has rows or a walk
with o as (
    select type, count(*) as n from objects where account = $1 group by type
), d as (
    select type, count(*) as n from objects where account = $1 and deleted = 1 group by type
), w as (
    select type,
        case min(case state when 'failed' then 0 when 'walking' then 1 when 'waiting' then 2
                 when 'skipped' then 3 else 4 end)
            when 0 then 'failed' when 1 then 'walking' when 2 then 'waiting' when 3 then 'skipped'
            else 'complete' end as state,
        min(complete_at) as complete, max(reason) as reason
    from _walks where account = $1 group by type
), t as (select type from o union select type from w)
select t.type, coalesce(o.n, 0), coalesce(d.n, 0), w.state, coalesce(w.complete, 0), w.reason
from t left join o on o.type = t.type left join d on d.type = t.type
    left join w on w.type = t.type
order by t.type
