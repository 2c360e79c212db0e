-- core/mirror/parents.c: are the lists under a type's parents on their way at the clock's pace?
select 1 from _due where kind = 'walk' and type = $1 and id = 'parents' and account = $2
    and done_gen < gen and cause = 'schedule'
