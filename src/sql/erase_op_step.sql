-- core/erasure/journal.c: a request of an operation, without the one whom it named
update _op_steps set path = $1, form = $2, error = nullif($3, '') where op = $4 and step = $5 and attempt = $6
