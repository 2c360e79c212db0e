-- core/erase.c: bodies that name an erased person, of a run of events
update _inbox set body = null where seq > $1 and seq <= $2 and body is not null
    and coalesce(account, (select account from _environment)) = $3
    and (strpos(body, $4) > 0 or ($5 <> '' and strpos(body, $5) > 0))
