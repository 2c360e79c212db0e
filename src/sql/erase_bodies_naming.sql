-- core/erase.c: bodies that name an erased person, of a run of events
update _inbox set body = null where seq > $1 and seq <= $2 and body is not null
    and (instr(body, $3) > 0 or ($4 <> '' and instr(body, $4) > 0))
