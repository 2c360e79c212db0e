-- core/mirror/mirror.c: the row that an answer meets
select ticket, deleted, revision, raw, open_lists, changed_at, hidden from objects
where type = $1 and account = $2 and id = $3 for update
