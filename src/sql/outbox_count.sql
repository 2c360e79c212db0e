-- core/customer/outbox.c: how much is due, and since when; of the account $1 alone unless that is empty
select count(*), min(changed_at) from (
    select changed_at from _states where delivered < revision and ($1 = '' or account = $1)
    union all
    select changed_at from _users where delivered < revision and ($1 = '' or account = $1)) both_of_them
