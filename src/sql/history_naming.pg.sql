-- core/erasure/erase_plan.c: objects of which a former version may hold a word: reads all of them
select distinct type, id from _history
where account = $1 and (type, id) > ($2, $3)
    and (strpos(lower(data collate "C"), $4) > 0
        or ($5 <> '' and strpos(lower(data collate "C"), $5) > 0)
        or strpos(data, chr(92) || 'u') > 0)
order by type, id limit $6
