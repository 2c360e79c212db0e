-- core/inbox.c: has a thin event come that names this one as its snapshot?
select 1 from _inbox where twin = $1
