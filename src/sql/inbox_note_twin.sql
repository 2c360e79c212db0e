-- core/inbox.c: its twin has made the same change due
update _inbox set reason = 'twin' where event = $1
