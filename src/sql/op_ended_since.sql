-- catalog/journal.c: has an operation on this product ended since somebody began to read?
select id from _ops where account = $1 and product = $2 and ended_ticket > $3 limit 1
