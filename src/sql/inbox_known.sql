-- core/mirror/catchup.c: has this event arrived already?
select 1 from _inbox where event = $1
