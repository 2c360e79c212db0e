-- core/erase.c: former versions of somebody else's object that name an erased person
delete from _history where type = $1 and account = $2 and id = $3
    and (strpos(data, $4) > 0 or ($5 <> '' and strpos(data, $5) > 0))
