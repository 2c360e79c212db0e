-- core/copy.c: the greatest number that was drawn
select value from _sequence where one = 1
