-- core/erasure/erase_plan.c: objects of which a former version may hold a word: reads all of them
select distinct type, id from _history
where account = $1 and (type, id) > ($2, $3)
    and (instr(lower(data), $4) > 0 or ($5 <> '' and instr(lower(data), $5) > 0)
        or instr(data, '\u') > 0)
order by type, id limit $6
