-- core/erase.c: contradicting deliveries that name an erased person
delete from _inbox_conflicts where (strpos(body, $1) > 0 or ($2 <> '' and strpos(body, $2) > 0))
    and (reason = 'other_account' or event in (
        select event from _inbox where coalesce(account, (select account from _environment)) = $3))
