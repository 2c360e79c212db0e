-- core/due.c: the claimed generation $1 is done; the claim is let go if it is still $2's
update _due set
    done_gen = case when done_gen > $1 then done_gen else $1 end,
    claimed = case when ticket = $2 then 0 else claimed end,
    not_before = case when ticket = $2 then $3 + $4 else not_before end,
    attempts = 0,
    misses = 0,
    permitted = 0,
    gone_hint = case when gen > $1 then gone_hint else 0 end,
    last_error = $5,
    last_status = $6
where kind = $7 and type = $8 and id = $9 and account = $10
