-- core/foreign.c: a piece of an account's customers' states
delete from _states where account = $1
    and customer in (select customer from _states where account = $1 limit $2)
