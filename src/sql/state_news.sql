-- core/state.c: when the first of what waits to be fetched of a customer happened, as its event says
select min(i.created) from _due d
join _inbox i on i.object_type = d.type and i.object_id = d.id and i.received_at >= d.due_since - 60000
where d.kind in ('object', 'customer') and d.account = $1 and d.done_gen < d.gen
    and (d.type = 'customer' and d.id = $2
        or d.type = 'subscription' and d.id in (
            select from_id from _refs
            where to_type = 'customer' and to_id = $2 and account = $1))
