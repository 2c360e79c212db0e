-- core/customer/user.c: all users who have, are said to have, or had this customer
select user_id from _users where account = $1 and customer = $2
union select user_id from _user_links where account = $1 and customer = $2
union select user_id from _user_history where account = $1 and customer = $2
order by 1 limit $3
