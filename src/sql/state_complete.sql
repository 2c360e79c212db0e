-- core/state.c: when a list's last complete walk began, and how far the events were followed
select (select complete_at from _walks where type = $1 and variant = $2 and account = $3),
    (select value from _counters where name = 'events_begun'),
    (select value from _counters where name = 'events_read')
