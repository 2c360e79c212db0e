-- core/environment/connected.c: connected accounts of which something absent is to be looked for again
select distinct account from _absent where next_at > 0 and next_at <= $1 and account <> $2 limit $3
