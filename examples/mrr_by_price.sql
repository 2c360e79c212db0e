-- Monthly recurring revenue by price: what the subscriptions that run now bring in a month, in the
-- smallest unit of the currency, before discounts and taxes. Trials count nothing yet, past due ones
-- count. Prices in tiers or by usage have no unit_amount and stand at 0: their revenue is in the invoices.
--   sqlite3 -readonly -header -column brindle-data/live.db < examples/mrr_by_price.sql
--   PGOPTIONS='-c search_path=brindle_live' psql "$DATABASE_URL" -f examples/mrr_by_price.sql
select
    pr.name as product,
    p.id as price,
    p.currency,
    p.unit_amount,
    p.recurring_interval_count as every,
    p.recurring_interval as period,
    count(distinct s.id) as subscriptions,
    sum(coalesce(i.quantity, 1)) as quantity,
    cast(round(sum(coalesce(p.unit_amount, 0) * coalesce(i.quantity, 1) * case p.recurring_interval
        when 'year' then 1.0 / 12
        when 'month' then 1.0
        when 'week' then 365.0 / 7 / 12
        when 'day' then 365.0 / 12
        else 0.0 end / coalesce(p.recurring_interval_count, 1))) as bigint) as mrr
from subscriptions s
join subscription_items i on i.subscription = s.id
join prices_all p on p.id = i.price
left join products_all pr on pr.id = p.product
where s.status in ('active', 'past_due')
group by pr.name, p.id, p.currency, p.unit_amount, p.recurring_interval_count, p.recurring_interval
order by mrr desc, p.id;
