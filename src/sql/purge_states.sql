-- core/environment/foreign_purge.c: customers' states of accounts of the other mode, a piece
delete from _states where (customer, account) in (
    select customer, account from _states
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
