-- core/customer/state_many.c: nobody else writes these customers' states until the transaction ends; $2 is a
-- JSON array of ids, each locked as state_lock does, all in one order
select count(pg_advisory_xact_lock(hashtextextended(x.account || '/' || x.id, 4711)))
from (select $1::text as account, ids.id from jsonb_array_elements_text($2::jsonb) as ids (id)
    order by ids.id collate "C" offset 0) as x
