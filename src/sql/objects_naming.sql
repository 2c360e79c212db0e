-- core/erasure/erase_plan.c: objects whose text may hold a word: reads all of them
select type, id from objects
where account = $1 and (type, id) > ($2, $3) and deleted < 2
    and (instr(lower(data), $4) > 0 or ($5 <> '' and instr(lower(data), $5) > 0)
        or instr(data, '\u') > 0)
order by type, id limit $6
