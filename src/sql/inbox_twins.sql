-- core/inbox.c: are there thin events with snapshots at all?
select 1 from _inbox where twin is not null limit 1
