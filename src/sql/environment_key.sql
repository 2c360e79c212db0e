-- core/env.c: another key of the same account
update _environment set key_print = $1
