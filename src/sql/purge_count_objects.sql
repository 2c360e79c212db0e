-- core/environment/foreign_purge.c: of a type, objects of accounts of the other mode
select count(*) from objects where type = $1
    and account in (select account from _accounts where state = 'wrong_mode')
