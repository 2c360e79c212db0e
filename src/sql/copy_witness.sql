-- core/copy.c: what moves when somebody writes; here the copying process holds the store's lock
select 0, 0, 0
