-- core/mirror/parents.c: lists under parents that failed are no longer said to have failed
update _walks set state = 'waiting', reason = null
where type = $1 and account = $2 and variant like 'parent=%' and state = 'failed'
