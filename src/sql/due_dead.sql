-- core/due.c: what was given up
select kind, type, id, attempts, last_error, last_status, due_since, cause from _due
where dead = 1 and done_gen < gen and (kind, type, id) > ($1, $2, $3)
order by kind, type, id limit $4
