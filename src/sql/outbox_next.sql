-- core/outbox.c: states, and users' customers, that the key-value server does not have yet
select id, value, revision, of_user from (
    select * from (
        select customer as id, value, revision, 0 as of_user from _states
        where delivered < revision and account = $1 order by revision limit $2) s
    union all
    select * from (
        select user_id as id, customer as value, revision, 1 as of_user from _users
        where delivered < revision and account = $1 order by revision limit $2) u) both_of_them
order by revision limit $2
