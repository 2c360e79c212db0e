-- core/environment/foreign_purge.c: users of accounts of the other mode, a piece
delete from _users where (user_id, account) in (
    select user_id, account from _users
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
