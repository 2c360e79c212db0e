-- core/mirror/walk.c: a part of a page is stored; only for the holder of the claim, in the same run
update _walks set cursor = $1, objects = objects + $2, pages = pages + $3
where type = $4 and variant = $5 and account = $6 and run = $7 and exists (
    select 1 from _due d
    where d.kind = 'walk' and d.type = _walks.type and d.id = _walks.variant
        and d.account = _walks.account and d.ticket = $8 and d.claimed <> 0)
