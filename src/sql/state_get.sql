-- core/state.c: a customer's state
select value, revision, changed_at, synced_at, entitled_at from _states
where customer = $1 and account = $2
