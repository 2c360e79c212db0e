-- status, metrics: at most $2 persistent counters behind $1, by name
select name, value from _counters where name > $1 order by name limit $2
