-- core/mirror/drift.c: no difference after all: a change that was on its way
delete from _drift where type = $1 and account = $2 and id = $3
