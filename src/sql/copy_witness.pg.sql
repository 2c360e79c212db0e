-- core/copy.c: what moves when somebody writes; each write transaction leaves a row
select count(*), coalesce(sum(n), 0)::bigint, coalesce(extract(epoch from max(at)) * 1000000, 0)::bigint
from _commits
