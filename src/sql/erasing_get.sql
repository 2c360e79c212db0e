-- core/erasure/unfinished.c: the addresses of somebody whose erasure has begun
select words from _erasing where customer = $1 and account = $2
