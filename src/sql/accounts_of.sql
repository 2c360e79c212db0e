-- core/environment/acting.c: those of a state behind $2
select account from _accounts where state = $1 and account > $2 order by account limit $3
