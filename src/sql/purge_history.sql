-- core/environment/foreign_purge.c: of a type, former versions of accounts of the other mode, a piece
delete from _history where type = $1 and (account, id) in (
    select account, id from _history where type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
