-- core/copy.c: a row of _refs, unless it is there
insert into _refs (from_type, account, from_id, field, to_type, to_id, member, certain, ticket)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict do nothing
