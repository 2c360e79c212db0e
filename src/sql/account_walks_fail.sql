-- core/environment/acting.c: the account cannot be reached: its walks end where they are
update _walks set state = 'failed', reason = $1
where account = $2 and state in ('waiting', 'walking')
