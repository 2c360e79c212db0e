-- core/mirror/derived.c: users in the order of their ids
select user_id from _users where account = $1 and user_id > $2 order by user_id limit $3
