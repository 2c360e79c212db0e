-- core/mirror/walk.c: goes on where it stands
update _walks set state = 'walking', reason = null where type = $1 and variant = $2 and account = $3
