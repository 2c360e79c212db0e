-- core/environment/foreign_purge.c: of a type, walks of accounts of the other mode, a piece
delete from _walks where type = $1 and (account, variant) in (
    select account, variant from _walks where type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
