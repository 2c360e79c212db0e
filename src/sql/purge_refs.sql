-- core/environment/foreign_purge.c: of a type, references of accounts of the other mode, a piece
delete from _refs where from_type = $1 and (account, from_id) in (
    select account, from_id from _refs where from_type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
