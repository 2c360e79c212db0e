-- core/customer/state.c: a customer's state
select value, revision, changed_at, synced_at, entitled_at, live from _states
where customer = $1 and account = $2
