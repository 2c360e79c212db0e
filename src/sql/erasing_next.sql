-- core/erasure/unfinished.c: one that nobody works on: untouched since $1, or by a clock beyond $2;
-- its words are megabytes, and wanted later
select customer, account, case when words in ('{}', '{"disk":true}') then words else '' end, touched_at
from _erasing where touched_at < $1 or touched_at > $2 order by touched_at, customer, account limit 1
