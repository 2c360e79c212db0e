-- core/inbox.c: an event about somebody who was erased
update _inbox set body = null where event = $1
