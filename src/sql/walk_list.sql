-- core/mirror/sync.c, core/status.c: every walk
select type, variant, state, objects, pages, reason, started_at, finished_at, complete_at, cursor
from _walks where account = $1 order by type, variant
