-- cli/cmd_env.c: the connected accounts behind $1
select account, state, reason, since from _accounts where account > $1 order by account limit $2
