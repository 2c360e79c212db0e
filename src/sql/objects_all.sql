-- core/environment/foreign.c: all objects
select count(*) from objects
