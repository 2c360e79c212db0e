-- Customers with several subscriptions that run: often somebody who subscribed twice by mistake.
-- The second part are people with several customers (one e-mail address) that have subscriptions.
--   sqlite3 -readonly -header -column brindle-data/live.db < examples/several_subscriptions.sql
--   PGOPTIONS='-c search_path=brindle_live' psql "$DATABASE_URL" -f examples/several_subscriptions.sql
select
    'one customer' as what,
    c.email,
    min(s.customer) as customer,
    count(distinct s.customer) as customers,
    count(*) as subscriptions,
    min(s.created) as first_made,
    max(s.created) as last_made
from subscriptions s
join customers c on c.id = s.customer
where s.status in ('active', 'trialing', 'past_due', 'unpaid')
group by s.customer, c.email
having count(*) > 1
union all
select
    'one address',
    lower(c.email),
    min(s.customer),
    count(distinct s.customer),
    count(*),
    min(s.created),
    max(s.created)
from subscriptions s
join customers c on c.id = s.customer
where s.status in ('active', 'trialing', 'past_due', 'unpaid') and c.email is not null
group by lower(c.email)
having count(distinct s.customer) > 1
order by 1, 5 desc, 3;
