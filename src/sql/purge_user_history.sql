-- core/environment/foreign_purge.c: users' former customers of accounts of the other mode, a piece
delete from _user_history where (user_id, account, binding) in (
    select user_id, account, binding from _user_history
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
