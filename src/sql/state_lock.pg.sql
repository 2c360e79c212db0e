-- core/customer/state.c: nobody else writes this customer's state until the transaction ends
select pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 4711))
