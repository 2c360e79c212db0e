-- core/sequence.c: draws $1 numbers out of a block of 128; the last of them is the answer
select nextval('_sequence') + $1 - 1 where $1 between 1 and 128
