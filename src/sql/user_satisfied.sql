-- core/customer/user.c: nobody has asked since: what the last caller wished is forgotten
update _users set wanted = null
where user_id = $1 and account = $2 and wanted is not null and not exists (
    select 1 from _due where kind = 'user' and type = 'user' and id = $1 and account = $2 and gen > $3)
