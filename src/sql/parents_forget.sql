-- core/mirror/parents.c: all lists of a type that nothing but its name brings are at their ends, and not asked for anew
delete from _walks where type = $1 and variant = 'parents' and account = $2 and not exists (
    select 1 from _due d where d.kind = 'walk' and d.type = _walks.type and d.id = _walks.variant
        and d.account = _walks.account and d.done_gen < d.gen)
