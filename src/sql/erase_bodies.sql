-- core/erasure/erase.c: bodies of the events about an erased object
update _inbox set body = null where object_type = $1 and object_id = $2
    and coalesce(account, (select account from _environment)) = $3 and body is not null
