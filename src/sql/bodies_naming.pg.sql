-- core/erasure/erase.c: bodies that may hold a word, of a run of events; of quarantined ones whosever they are
select seq, body from _inbox
where seq > $1 and seq <= $2 and body is not null
    and (coalesce(account, (select account from _environment)) = $3 or outcome = 'quarantined')
    and (strpos(lower(body collate "C"), $4) > 0
        or ($5 <> '' and strpos(lower(body collate "C"), $5) > 0)
        or strpos(body, chr(92) || 'u') > 0)
order by seq limit $6
