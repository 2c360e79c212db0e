-- core/erasure/erase.c: calls whose address names a user, or may name an address; reads all of them
select seq, path from _calls
where seq > $1 and (path = $2 or ($3 <> '' and strpos(lower(path collate "C"), $3) > 0)
    or ($4 <> '' and strpos(path, $4) > 0))
order by seq limit $5
