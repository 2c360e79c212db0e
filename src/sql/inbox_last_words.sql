-- core/work.c: the newest event that announced an object's deletion, with its body
select body, api_version from _inbox
where object_type = $1 and object_id = $2
    and outcome <> 'quarantined' and coalesce(account, (select account from _environment)) = $3 and type like '%.deleted' and body is not null
order by seq desc limit 1
