-- core/environment/foreign_purge.c: events of accounts of the other mode, a piece
delete from _inbox where seq in (
    select seq from _inbox
    where account in (select account from _accounts where state = 'wrong_mode') limit $1)
