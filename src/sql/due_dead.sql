-- core/due.c: what was given up
select kind, type, id, attempts, last_error, last_status, due_since, cause, account from _due
where dead = 1 and done_gen < gen and (kind, type, id, account) > ($1, $2, $3, $4) and ($5 = '' or account = $5)
order by kind, type, id, account limit $6
