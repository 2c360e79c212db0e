-- core/erasure/journal.c: what an operation sent, where it may name somebody
select step, attempt, path, form, coalesce(error, '') from _op_steps where op = $1 order by step, attempt
