-- core/acting.c: Stripe has shown it
insert into _accounts (account, state, since) values ($1, 'new', $2)
on conflict (account) do update set state = 'active', reason = '', since = excluded.since
where _accounts.state not in ('active', 'new')
