-- core/sequence.c: what is drawn from now on is greater than $1
select case when last_value < $1 then setval('_sequence', $1) end from _sequence
