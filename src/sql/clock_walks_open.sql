-- core/mirror/clocks.c: are lists under way that lead to lists on test clocks?
select count(*) from _walks w join _due d
    on d.kind = 'walk' and d.type = w.type and d.id = w.variant and d.account = w.account
where w.account = $1 and w.state in ('waiting', 'walking') and d.done_gen < d.gen and d.dead = 0
    and (w.type = 'test_helpers.test_clock' or (w.type = 'customer' and w.variant like '%test_clock=%'))
