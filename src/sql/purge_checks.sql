-- core/environment/foreign_purge.c: of a type, drift checks of accounts of the other mode, a piece
delete from _checks where type = $1 and account in (
    select account from _checks where type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
