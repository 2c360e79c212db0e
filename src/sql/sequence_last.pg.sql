-- core/copy.c: the end of the block that was drawn last
select last_value + 127 from _sequence
