-- core/foreign.c: all objects
select count(*) from objects
