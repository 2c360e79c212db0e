-- core/mirror/clocks.c: lists of test clocks that are gone, and of customers on them; not those under way
delete from _walks
where account = $1 and state not in ('waiting', 'walking') and variant not like 'parent=%' and (
    (variant like '%test_clock=%' and not exists (
        select 1 from objects o where o.type = 'test_helpers.test_clock' and o.account = $1
            and o.deleted = 0 and _walks.variant like '%test_clock=' || o.id))
    or (variant like 'customer=%' and not exists (
        select 1 from _refs r join objects o
            on o.type = r.to_type and o.account = r.account and o.id = r.to_id and o.deleted = 0
        where r.from_type = 'customer' and r.account = $1 and r.from_id = substr(_walks.variant, 10)
            and r.to_type = 'test_helpers.test_clock')))
