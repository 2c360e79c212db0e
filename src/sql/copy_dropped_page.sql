-- core/copy.c: a page of _dropped
select type, account, id, ticket, at, source, reason
from _dropped where (type, account, id, ticket) > ($1, $2, $3, $4) order by type, account, id, ticket limit $5
