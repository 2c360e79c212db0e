-- core/mirror/references.c: a target that Stripe does not have
insert into _absent (type, account, id, state, status, answer, first_at, last_at, next_at, looks)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (type, account, id) do update set state = excluded.state, status = excluded.status,
    answer = excluded.answer, last_at = excluded.last_at, next_at = excluded.next_at,
    looks = excluded.looks
