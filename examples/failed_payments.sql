-- Failed payments to follow up: invoices that are open after at least one attempt, the greatest first,
-- with whom to write to, what the bank said last, and when Stripe tries again (empty: not by itself).
-- (coalesce keeps SQLite from walking all charges by time instead of the customer's own.)
--   sqlite3 -readonly -header -column brindle-data/live.db < examples/failed_payments.sql
--   PGOPTIONS='-c search_path=brindle_live' psql "$DATABASE_URL" -f examples/failed_payments.sql
select
    n.id as invoice,
    n.number,
    coalesce(c.email, n.customer_email) as email,
    n.customer,
    n.amount_remaining,
    n.currency,
    n.attempt_count as attempts,
    (select h.failure_code from charges h
        where h.customer = n.customer and h.status = 'failed'
        order by coalesce(h.created, h.created) desc limit 1) as last_failure,
    n.next_payment_attempt,
    s.status as subscription_status,
    n.hosted_invoice_url
from invoices n
left join customers c on c.id = n.customer
left join subscriptions s on s.id = n.subscription
where n.status = 'open' and n.attempt_count > 0
order by n.amount_remaining desc, n.id;
