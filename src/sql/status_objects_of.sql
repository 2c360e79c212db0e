-- core/status.c: what is mirrored of a connected account
with recursive t (type) as (
    select min(type) from objects
    union all
    select (select min(o.type) from objects o where o.type > t.type) from t where t.type is not null
)
select
    coalesce(sum((select count(*) from objects o where o.type = t.type and o.account = $1)), 0)
        - coalesce(sum((select count(*) from objects o
            where o.type = t.type and o.account = $1 and o.deleted = 2)), 0),
    coalesce(sum((select count(*) from objects o
        where o.type = t.type and o.account = $1 and o.deleted = 1)), 0),
    (select at from _calls where status = 200 and account = $1 order by at desc limit 1)
from t where t.type is not null
