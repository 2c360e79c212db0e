-- core/environment/fuse.c: has a person seen that the object is gone?
select 1 from _due
where kind = 'object' and type = $1 and id = $2 and account = $3 and permitted = 1
