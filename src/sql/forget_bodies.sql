-- core/retention.c: bodies past their time, but for events whose work is not done
update _inbox set body = null where seq in (
    select i.seq from _inbox i
    where i.body is not null and i.received_at < $1 and not exists (
        select 1 from _due d
        where d.kind = 'object' and d.type = i.object_type and d.id = i.object_id
            and d.done_gen < d.gen)
    order by i.received_at limit $2)
