-- core/erasure/journal.c: an operation that has ended, without the one whom it named
update _ops set input = $1, plan = $2, note = nullif($3, ''), refusal = nullif($4, ''), differences = nullif($5, '')
where id = $6
