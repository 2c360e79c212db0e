-- core/mirror/walk.c: from the start of the list
update _walks set cursor = '', run = run + 1, started_ticket = $1, started_at = $2, finished_at = 0,
    objects = 0, pages = 0, state = 'walking', reason = null
where type = $3 and variant = $4 and account = $5
