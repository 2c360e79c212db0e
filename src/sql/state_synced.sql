-- core/customer/state.c: the customer was synced as a whole
update _states set synced_at = $1, entitled_at = case when $2 = 1 then $1 else entitled_at end
where customer = $3 and account = $4
