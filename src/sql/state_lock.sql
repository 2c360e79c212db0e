-- core/customer/state.c: nobody else writes this customer's state until the transaction ends
select 1 where $1 <> '' and $2 <> ''
