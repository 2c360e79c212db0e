-- core/environment/connected.c: drift checks of connected accounts that are under way
select count(*) from _checks c join _due d
    on d.kind = 'check' and d.type = c.type and d.id = '' and d.account = c.account
where c.state not in ('done', 'skipped') and c.account <> $1 and d.done_gen < d.gen and d.dead = 0
