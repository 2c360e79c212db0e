-- catalog/journal.c: somebody wants it undone
update _ops set abort_asked = 1, changed_at = $1
where id = $2 and account = $3 and state in ('new', 'forward', 'back')
