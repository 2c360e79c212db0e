-- core/erasure/removal.c: nobody has a key-value server any more
delete from _users where state = 'forgotten' and account = $1
