-- core/status.c: what arrived
select
    (select count(*) from _inbox),
    (select count(*) from _inbox)
        + (select coalesce(sum(deliveries - 1), 0) from _inbox where deliveries > 1),
    (select count(*) from _inbox where outcome <> 'due' and outcome = 'quarantined'),
    (select count(*) from _inbox where outcome <> 'due' and outcome = 'unknown'),
    (select count(*) from _inbox where outcome <> 'due' and outcome = 'unfetchable'),
    (select count(*) from _inbox_conflicts),
    (select last_at from _inbox order by seq desc limit 1)
