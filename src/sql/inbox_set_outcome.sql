-- core/inbox.c: replay of an event
update _inbox set outcome = $1, reason = $2 where event = $3
