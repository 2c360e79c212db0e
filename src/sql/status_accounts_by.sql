-- core/status.c: how many connected accounts are in each state, and how many are walked
select state, count(*), sum(case when walked_at > 0 then 1 else 0 end) from _accounts
group by state order by state
