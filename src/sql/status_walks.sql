-- core/status.c, catalog/file.c: by type, how far its walks have come
select type, min(case state when 'skipped' then 1 else 0 end),
    min(case when complete_at > 0 then 1 else 0 end)
from _walks where account = $1 group by type
