-- core/erasure/erase.c: users of whom the key-value server may still have a pair
select count(*) from _users where state = 'forgotten' and account = $1
