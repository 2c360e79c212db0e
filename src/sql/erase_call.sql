-- core/erasure/erase.c: a call whose address names somebody
update _calls set path = $1 where seq = $2
