-- core/copy.c: a page of _user_links
select customer, account, user_id, created
from _user_links where (customer, account) > ($1, $2)
order by customer, account limit $3
