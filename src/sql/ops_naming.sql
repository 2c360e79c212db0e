-- core/erasure/journal.c: operations that have ended and may hold a word, behind $2: reads all of them
select id, input, plan, coalesce(note, ''), coalesce(refusal, ''), coalesce(differences, '') from _ops
where account = $1 and id > $2 and state in ('done', 'undone', 'refused', 'planned')
    and (instr(lower(input || plan || coalesce(note, '') || coalesce(refusal, '') || coalesce(differences, '')), $3) > 0
        or ($4 <> '' and instr(lower(input || plan), $4) > 0) or instr(input || plan, '\u') > 0
        or exists (select 1 from _op_steps where op = _ops.id and (instr(lower(path || form || coalesce(error, '')), $3) > 0
            or ($4 <> '' and instr(lower(path || form), $4) > 0))))
order by id limit $5
