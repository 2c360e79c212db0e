-- core/due.c: the claimed generation $1 is done; the claim is let go if it is still $2's
update _due set
    done_gen = case when done_gen > $1 then done_gen else $1 end,
    claimed = case when ticket = $2 then 0 else claimed end,
    not_before = case when ticket = $2 then $3 else not_before end,
    attempts = 0,
    misses = 0,
    gone_hint = case when gen > $1 then gone_hint else 0 end,
    last_error = $4,
    last_status = $5
where kind = $6 and type = $7 and id = $8 and account = $9
