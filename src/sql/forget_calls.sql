-- core/retention.c: the audit of calls past its time
delete from _calls where seq in (select seq from _calls where at < $1 order by at limit $2)
