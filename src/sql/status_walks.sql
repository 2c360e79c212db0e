-- core/status.c: how many types are walked, and how many have been walked completely
select count(*), coalesce(sum(complete), 0) from (
    select type, min(case when complete_at > 0 then 1 else 0 end) as complete
    from _walks where account = $1 and state <> 'skipped' group by type) t
