-- core/environment/acting.c: the key has no access to it
update _accounts set state = $1, reason = $2,
    since = case when state = $1 then since else $3 end, asked_at = $3
where account = $4
