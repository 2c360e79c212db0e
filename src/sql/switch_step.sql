-- core/environment/seal.c: one step more is done
update _switch set step = $1, notes = $2
