-- core: the persistent counter $1, which may be new, is $2 from now on
insert into _counters (name, value) values ($1, $2)
on conflict (name) do update set value = excluded.value
