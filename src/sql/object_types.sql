-- core/mirror/mirror.c: which types have rows, without reading all of them
with recursive t (type) as (
    select min(type) from objects
    union all
    select (select min(o.type) from objects o where o.type > t.type) from t where t.type is not null
)
select type from t where type is not null
