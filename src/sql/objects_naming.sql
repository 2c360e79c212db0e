-- core/erase.c: objects whose text holds a word: reads all of them
select type, id from objects
where account = $1 and (type, id) > ($2, $3) and deleted < 2
    and (instr(data, $4) > 0 or ($5 <> '' and instr(data, $5) > 0))
order by type, id limit $6
