-- core/copy.c: a page of missing targets
select type, account, id, state, status, answer, first_at, last_at, next_at, looks from _absent
where (type, account, id) > ($1, $2, $3) order by type, account, id limit $4
