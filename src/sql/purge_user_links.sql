-- core/environment/foreign_purge.c: customers' users of accounts of the other mode, a piece
delete from _user_links where (customer, account) in (
    select customer, account from _user_links
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
