-- core/customer/state_many.c: objects of a type; $3 is a JSON array of their ids
select id, data, deleted from objects
where type = $1 and account = $2 and id in (select value from json_each($3))
