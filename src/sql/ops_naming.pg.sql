-- core/erasure/journal.c: operations that have ended and may hold a word, behind $2: reads all of them
select id, input, plan, coalesce(note, ''), coalesce(refusal, ''), coalesce(differences, '') from _ops
where account = $1 and id > $2 and state in ('done', 'undone', 'refused', 'planned')
    and (strpos(lower((input || plan || coalesce(note, '') || coalesce(refusal, '') || coalesce(differences, '')) collate "C"), $3) > 0
        or ($4 <> '' and strpos(lower((input || plan) collate "C"), $4) > 0) or strpos(input || plan, chr(92) || 'u') > 0
        or exists (select 1 from _op_steps where op = _ops.id
            and (strpos(lower((path || form || coalesce(error, '')) collate "C"), $3) > 0
            or ($4 <> '' and strpos(lower((path || form) collate "C"), $4) > 0))))
order by id limit $5
