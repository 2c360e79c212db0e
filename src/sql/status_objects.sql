-- core/status.c: what is mirrored
select
    (select count(*) from objects) - (select count(*) from objects where deleted = 2),
    (select count(*) from objects where deleted = 1),
    (select at from _calls where status = 200 order by at desc limit 1)
