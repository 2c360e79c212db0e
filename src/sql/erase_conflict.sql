-- core/erasure/erase.c: a contradicting delivery that names an erased person
delete from _inbox_conflicts where seq = $1
