-- core/customer/outbox.c: states, and users' customers, that the key-value server does not have yet
select id, value, revision, of_user, account from (
    select * from (
        select customer as id, value, revision, 0 as of_user, account from _states
        where delivered < revision order by revision limit $1) s
    union all
    select * from (
        select user_id as id, customer as value, revision, 1 as of_user, account from _users
        where delivered < revision order by revision limit $1) u) both_of_them
order by revision limit $1
