-- core/retention.c: ids past their time, of events whose body is forgotten, but for those whose work is not done
delete from _inbox where seq in (
    select i.seq from _inbox i
    where i.body is null and i.received_at < $1 and not exists (
        select 1 from _due d
        where d.kind = 'object' and d.type = i.object_type and d.id = i.object_id
            and d.done_gen < d.gen)
    order by i.received_at limit $2)
