-- core/environment/foreign.c: the type behind $1 that any table knows, in the resource table or not
select min(type) from (
    select min(type) as type from objects where type > $1
    union all select min(from_type) from _refs where from_type > $1
    union all select min(type) from _history where type > $1
    union all select min(type) from _absent where type > $1
    union all select min(type) from _drift where type > $1
    union all select min(type) from _checks where type > $1
    union all select min(type) from _walks where type > $1
    union all select min(type) from _dropped where type > $1
    union all select min(type) from _due where kind = 'object' and type > $1
    union all select min(type) from _due where kind = 'walk' and type > $1
    union all select min(type) from _due where kind = 'sweep' and type > $1
    union all select min(type) from _due where kind = 'chase' and type > $1
    union all select min(type) from _due where kind = 'check' and type > $1
    union all select min(type) from _due where kind = 'catchup' and type > $1
    union all select min(type) from _due where kind = 'user' and type > $1
    union all select min(type) from _due where kind = 'customer' and type > $1
) t
