-- core/trace.c: the latest calls for an address and what lies under it ('0' comes behind '/')
select at, method, path, status, request_id, duration_ms, cause, error from _calls
where path >= $1 and path < $1 || '0' and at >= $2
    and coalesce(account, (select account from _environment)) = $3
order by at desc limit $4
