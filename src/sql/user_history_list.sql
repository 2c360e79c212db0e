-- core/customer/user.c: what customers a user had before, the latest first
select customer, bound_at, ended_at, why from _user_history where user_id = $1 and account = $2
order by binding desc limit $3
