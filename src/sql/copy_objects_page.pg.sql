-- core/copy.c: a page of objects
select type, account, id, raw, deleted, revision, ticket, fetched_at, api_version, source,
    open_lists, livemode, changed_at, owner, hidden
from objects where (type, account, id) > ($1, $2, $3)
order by type, account, id limit $4
