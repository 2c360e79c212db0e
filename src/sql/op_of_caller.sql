-- catalog/journal.c: what a caller's key was used for before
select id, kind, input, dry_run from _ops where account = $1 and caller_key = $2
