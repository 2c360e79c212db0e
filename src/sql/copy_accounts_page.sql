-- core/copy.c: a page of _accounts
select account, state, reason, since, asked_at, walked_at
from _accounts where account > $1 order by account limit $2
