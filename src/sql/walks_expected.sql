-- core/mirror/followup.c: types whose lists are yet to be walked and have not failed too often
select distinct type from _due
where kind = 'walk' and account = $1 and done_gen < gen and dead = 0 and attempts < $2 and id <> 'parents'
