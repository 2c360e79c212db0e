-- core/environment/foreign_purge.c: events of the other mode, and of accounts of it
select (select count(*) from _inbox where outcome = 'quarantined' and reason = 'other_mode')
    + (select count(*) from _inbox where account in (select account from _accounts where state = 'wrong_mode')
        and not (outcome = 'quarantined' and coalesce(reason, '') = 'other_mode'))
