-- core: the value of the persistent counter $1
select value from _counters where name = $1
