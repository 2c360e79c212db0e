-- core/duplicates.c: living customers that share their e-mail address with another one
select email, id from (
    select email, id, count(*) over (partition by email) as n from (
        select lower(json_extract(data, '$.email')) as email, id from objects
        where type = 'customer' and account = $1 and deleted = 0) c
    where email > '') d
where n > 1 and (email, id) > ($2, $3)
order by email, id limit $4
