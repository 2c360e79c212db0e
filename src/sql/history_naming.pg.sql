-- core/erase.c: objects of which a former version holds a word: reads all of them
select distinct type, id from _history
where account = $1 and (type, id) > ($2, $3)
    and (strpos(data, $4) > 0 or ($5 <> '' and strpos(data, $5) > 0))
order by type, id limit $6
