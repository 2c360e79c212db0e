-- core/mirror/mirror.c: objects of a type in the order of their ids
select type, id, raw, api_version, source, deleted, revision, open_lists, fetched_at,
    changed_at
from objects where type = $1 and account = $2 and id > $3 and deleted <= $4
order by id limit $5
