-- core/environment/seal.c: the seal is changed by one at a time, and by nobody's side who writes
lock table _switch in exclusive mode
