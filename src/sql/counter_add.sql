-- core: adds $2 to the persistent counter $1, which may be new; answers its value
insert into _counters (name, value) values ($1, $2)
on conflict (name) do update set value = _counters.value + excluded.value
returning value
