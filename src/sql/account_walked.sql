-- core/environment/connected.c: its lists are asked for
update _accounts set walked_at = $1 where account = $2
