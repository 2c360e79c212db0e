-- core/mirror/followup.c: targets that are not in the mirror and were never asked for
select distinct r.to_type, r.to_id from _refs r
where r.account = $1 and r.to_type = $2 and r.to_id > $3 and r.certain = 1
    and not exists (select 1 from objects o
        where o.type = r.to_type and o.account = r.account and o.id = r.to_id)
    and not exists (select 1 from _due d
        where d.kind = 'object' and d.type = r.to_type and d.id = r.to_id and d.account = r.account)
order by r.to_id limit $4
