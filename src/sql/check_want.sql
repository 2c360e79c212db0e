-- core/mirror/drift.c: a type is to be checked from the start
insert into _checks (type, account, state, repair, permitted, paced) values ($1, $2, 'waiting', $3, $4, $5)
on conflict (type, account) do update set state = 'waiting', list = 0, cursor = '', at_ticket = 0,
    compared = 0, repair = excluded.repair, permitted = excluded.permitted, paced = excluded.paced,
    finished_at = 0, reason = null
