-- core/erasure/erase_plan.c: former versions of one object that may hold a word
select revision, data from _history
where type = $1 and account = $2 and id = $3 and revision > $4
    and (instr(lower(data), $5) > 0 or ($6 <> '' and instr(lower(data), $6) > 0)
        or instr(data, '\u') > 0)
order by revision limit $7
