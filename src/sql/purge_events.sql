-- core/environment/foreign_purge.c: events of the other mode
delete from _inbox where seq in (
    select seq from _inbox where outcome = 'quarantined' and reason = 'other_mode'
    order by seq limit $1)
