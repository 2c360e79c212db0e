-- core/mirror/derived.c: a member of a nested list, unless that is known
insert into _refs (from_type, account, from_id, field, to_type, to_id, member, certain, ticket)
values ($1, $2, $3, $4, $5, $6, 1, 0, $7) on conflict do nothing
