-- core/environment/foreign_purge.c: what came under the ids of events that go, a piece
delete from _inbox_conflicts where seq in (
    select c.seq from _inbox_conflicts c join _inbox i on i.event = c.event
    where i.outcome = 'quarantined' and i.reason = 'other_mode'
    or i.account in (select account from _accounts where state = 'wrong_mode') limit $1)
