-- core/status.c: why the list of events could not be read last
select last_error from _due where kind = 'catchup' and last_error is not null limit 1
