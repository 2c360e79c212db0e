-- core/state.c: the customer was synced as a whole
update _states set synced_at = $1 where customer = $2 and account = $3
