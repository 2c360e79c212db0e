-- core/env.c: the sequence begins at the wall clock's microseconds
insert into _sequence (one, value) values (1, $1) on conflict (one) do nothing
