-- core/environment/acting.c: who turns it is who tells of it
update _accounts set state = $1, since = $2 where account = $3 and state <> $1
