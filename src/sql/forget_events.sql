-- core/retention.c: ids past their time, but for events whose work is not done; the oldest come first
delete from _inbox
where received_at < $1 and seq in (select seq from _inbox order by seq limit $2) and not exists (
    select 1 from _due d
    where d.kind = 'object' and d.type = _inbox.object_type and d.id = _inbox.object_id
        and d.done_gen < d.gen)
