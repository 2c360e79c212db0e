-- core/inbox.c: replay of an event
update _inbox set outcome = $1 where event = $2
