-- core/mirror/followup.c: is any other work of this kind pending for the account?
select count(*) from _due where done_gen < gen and dead = 0 and kind = $1 and account = $2
