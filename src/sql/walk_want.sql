-- core/mirror/sync.c: a walk is wanted; one that is under way goes on unless $5 says anew
insert into _walks (type, variant, account, state, started_at) values ($1, $2, $3, 'waiting', $4)
on conflict (type, variant, account) do update set
    state = 'waiting',
    reason = null,
    started_at = case when _walks.state in ('walking', 'waiting', 'failed') and $5 = 0
        then _walks.started_at else excluded.started_at end,
    started_ticket = case when _walks.state in ('walking', 'waiting', 'failed') and $5 = 0
        then _walks.started_ticket else 0 end,
    finished_at = 0,
    run = _walks.run + $5,
    cursor = case when _walks.state in ('walking', 'waiting', 'failed') and $5 = 0
        then _walks.cursor else '' end,
    objects = case when _walks.state in ('walking', 'waiting', 'failed') and $5 = 0
        then _walks.objects else 0 end,
    pages = case when _walks.state in ('walking', 'waiting', 'failed') and $5 = 0
        then _walks.pages else 0 end
