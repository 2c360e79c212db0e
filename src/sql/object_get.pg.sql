-- core/mirror/mirror.c: one object for a reader
select type, id, raw, api_version, source, deleted, revision, open_lists, fetched_at,
    changed_at
from objects where type = $1 and account = $2 and id = $3
