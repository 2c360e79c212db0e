-- catalog/journal.c: which operation holds a product
select id from _ops where account = $1 and product = $2 and state in ('forward', 'back')
