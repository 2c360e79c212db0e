-- catalog/journal.c: the plan of an operation, for good
update _ops set product = $1, plan = $2, state = $3, step = 1, note = null, waits = 0, changed_at = $4
where id = $5
