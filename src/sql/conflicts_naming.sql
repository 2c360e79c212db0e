-- core/erasure/erase.c: contradicting deliveries that may hold a word
select seq, body from _inbox_conflicts
where seq > $1
    and (instr(lower(body), $2) > 0 or ($3 <> '' and instr(lower(body), $3) > 0)
        or instr(body, '\u') > 0)
    and (reason = 'other_account' or event in (
        select event from _inbox where coalesce(account, (select account from _environment)) = $4))
order by seq limit $5
