-- core/sequence.c: what is drawn from now on is greater than $1
update _sequence set value = max(value, $1) where one = 1
