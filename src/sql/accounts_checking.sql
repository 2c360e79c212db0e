-- core/environment/connected.c: drift checks of connected accounts that are under way, and walks of lists under
-- their parents (up to a limit); what failed waits for its own next attempt
select (select count(*) from _due d
        where d.kind = 'check' and d.guest = 1 and d.account <> $1 and d.done_gen < d.gen and d.dead = 0
            and d.attempts = 0)
    + (select count(*) from (select 1 from _walks w join _due d
        on d.kind = 'walk' and d.type = w.type and d.id = w.variant and d.account = w.account
        where w.variant = 'parents' and w.state in ('waiting', 'walking') and w.account <> $1
            and d.done_gen < d.gen and d.dead = 0 limit 100) p)
