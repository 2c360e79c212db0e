-- core/environment/foreign_purge.c: of a type, dropped answers of accounts of the other mode, a piece
delete from _dropped where type = $1 and (account, id) in (
    select account, id from _dropped where type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
