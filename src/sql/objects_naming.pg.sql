-- core/erasure/erase_plan.c: objects whose text may hold a word: reads all of them
select type, id from objects
where account = $1 and (type, id) > ($2, $3) and deleted < 2
    and (strpos(lower(raw collate "C"), $4) > 0
        or ($5 <> '' and strpos(lower(raw collate "C"), $5) > 0)
        or strpos(raw, chr(92) || 'u') > 0)
order by type, id limit $6
