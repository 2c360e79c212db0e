-- core/environment/foreign_purge.c: how far events of accounts of the other mode were read, a piece
delete from _counters where name in (
    select c.name from _counters c join _accounts a
    on substr(c.name, length(c.name) - length(a.account)) = ':' || a.account
    where a.state = 'wrong_mode' limit $1)
