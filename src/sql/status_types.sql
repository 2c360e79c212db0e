-- core/status.c: by type, whatever has rows or a walk
select type, objects + tombstones, tombstones, walk, complete_since, reason, state, fresh_at, events,
    open_lists
from _coverage where account = $1 and (objects + tombstones > 0 or walk is not null) order by type
