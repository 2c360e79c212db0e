-- core/erasure/unfinished.c: nothing of it is left to do
delete from _erasing where customer = $1 and account = $2
