-- core/customer/state_many.c: nobody else writes these customers' states until the transaction ends
select 1 where $1 <> '' and $2 <> ''
