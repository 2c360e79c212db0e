-- core/environment/foreign_purge.c: of a type, work for accounts of the other mode, a piece; operations are the audit's
delete from _due where type = $1 and (kind, id, account) in (
    select kind, id, account from _due
    where kind in ('object', 'walk', 'sweep', 'chase', 'check', 'catchup', 'user', 'customer') and type = $1
    and account in (select account from _accounts where state = 'wrong_mode') limit $2)
