-- catalog/journal.c: a stuck operation is to go on
update _ops set state = $1, reason = null, note = null, differences = null, waits = 0, abort_asked = $2,
    changed_at = $3, ended_at = null
where id = $4 and state = 'stuck'
