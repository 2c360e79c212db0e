-- core/state.c: what of a customer and its subscriptions waits to be fetched
select min(d.due_since), sum((d.attempts > 0)::int), max(d.last_error) from _due d
where d.kind in ('object', 'customer') and d.account = $1 and d.done_gen < d.gen
    and (d.type = 'customer' and d.id = $2
        or d.type = 'subscription' and d.id in (
            select from_id from _refs
            where to_type = 'customer' and to_id = $2 and account = $1))
having count(*) > 0
