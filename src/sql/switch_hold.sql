-- core/environment/seal.c: the switch rests until a person says so, or goes on by itself
update _switch set held = $1
