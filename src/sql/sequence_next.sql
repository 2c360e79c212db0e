-- core/sequence.c: draws $1 numbers; the last of them is the answer
update _sequence set value = value + $1 where one = 1 returning value
