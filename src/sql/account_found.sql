-- core/environment/acting.c: Stripe has shown it
insert into _accounts (account, state, since) values ($1, 'new', $2)
on conflict (account) do update set state = 'new', reason = '', since = excluded.since,
    walked_at = 0
where _accounts.state not in ('active', 'new')
