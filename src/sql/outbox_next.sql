-- core/customer/outbox.c: states, and users' customers, that the key-value server does not have yet; and users who
-- were forgotten before $2, whose pairs are to be removed
select id, value, revision, of_user, account from (
    select * from (
        select customer as id, value, revision, 0 as of_user, account from _states
        where delivered < revision order by revision limit $1) s
    union all
    select * from (
        select user_id as id, customer as value, revision,
            case when state = 'forgotten' then 2 else 1 end as of_user, account from _users
        where delivered < revision and (state <> 'forgotten' or changed_at <= $2)
        order by revision limit $1) u) both_of_them
order by revision limit $1
