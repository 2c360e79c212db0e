-- core/status.c: why the list of events could not be read last
select last_error from _due where kind = 'catchup' and type = 'event' and id = '' and account = $1
    and last_error is not null limit 1
