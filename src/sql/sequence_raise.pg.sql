-- core/sequence.c: what is drawn from now on is greater than $1; beyond it by a thousand blocks, for
-- whoever draws between the two halves of this is not to be met again
select case when last_value < $1 then setval('_sequence', $1 + 131072) end from _sequence
