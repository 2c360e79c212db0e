-- core/customer/duplicates.c: users whom several living customers name
select user_id from _user_links where account = $1 and user_id > $2
group by user_id having count(*) > 1 order by user_id limit $3
