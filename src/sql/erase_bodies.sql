-- core/erase.c: bodies of the events about an erased object
update _inbox set body = null where object_type = $1 and object_id = $2 and body is not null
