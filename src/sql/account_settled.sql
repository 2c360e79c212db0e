-- core/environment/acting.c: what waited for it is due
update _accounts set state = 'active' where account = $1 and state = 'new'
