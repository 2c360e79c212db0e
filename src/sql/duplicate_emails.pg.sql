-- core/customer/duplicates.c: living customers that share their e-mail address with another one, of each $4
select email, id, n from (
    select email, id, count(*) over (partition by email) as n,
        row_number() over (partition by email order by id) as place from (
        select lower(data->>'email') collate "C" as email, id from objects
        where type = 'customer' and account = $1 and deleted = 0) c
    where email > '') d
where n > 1 and (email, id) > ($2, $3) and place <= $4
order by email, id limit $4
