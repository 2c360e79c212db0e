-- core/environment/connected.c: drift checks of connected accounts that are under way, and walks of lists under
-- their parents (up to a limit)
select (select count(*) from _checks c join _due d
        on d.kind = 'check' and d.type = c.type and d.id = '' and d.account = c.account
        where c.state not in ('done', 'skipped') and c.account <> $1 and d.done_gen < d.gen and d.dead = 0)
    + (select count(*) from (select 1 from _walks w join _due d
        on d.kind = 'walk' and d.type = w.type and d.id = w.variant and d.account = w.account
        where w.variant = 'parents' and w.state in ('waiting', 'walking') and w.account <> $1
            and d.done_gen < d.gen and d.dead = 0 limit 100) p)
