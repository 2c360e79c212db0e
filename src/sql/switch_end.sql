-- core/environment/seal.c: the switch is over
delete from _switch
