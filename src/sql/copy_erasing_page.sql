-- core/copy.c: erasures under way, in the order of their keys
select customer, account, words, touched_at from _erasing
where (customer, account) > ($1, $2) order by customer, account limit $3
