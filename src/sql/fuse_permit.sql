-- core/environment/fuse.c: a person has seen that the object of this due work is gone
update _due set permitted = 1
where kind = 'object' and type = $1 and id = $2 and account = $3 and done_gen < gen
