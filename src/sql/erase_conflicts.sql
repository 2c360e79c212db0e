-- core/erasure/erase.c: contradicting deliveries about an erased object
delete from _inbox_conflicts where event in (
    select event from _inbox where object_type = $1 and object_id = $2
    and coalesce(account, (select account from _environment)) = $3)
