-- core/environment/foreign_purge.c: erasures in accounts of the other mode, a piece
delete from _erasing where (customer, account) in (
    select customer, account from _erasing
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
