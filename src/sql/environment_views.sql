-- core/env.c: which resource table made the views
update _environment set views = $1
