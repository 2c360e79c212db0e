-- core/copy.c: a page of _history
select type, account, id, revision, until, deleted, cause, data, since
from _history where (type, account, id, revision) > ($1, $2, $3, $4)
order by type, account, id, revision limit $5
