-- core/copy.c: a page of _drift
select type, account, id, what, revision, fields, confirmed, found_at
from _drift where (type, account, id) > ($1, $2, $3) order by type, account, id limit $4
