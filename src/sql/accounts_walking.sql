-- core/environment/connected.c: how many connected accounts' lists are being walked, up to a limit
select count(*) from (
    select distinct account from _walks
    where state in ('waiting', 'walking') and account <> $1 limit $2) w
