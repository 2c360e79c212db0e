-- core/mirror/mirror.c: a reference, or a member of a nested list
insert into _refs (from_type, account, from_id, field, to_type, to_id, member, certain, ticket)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (from_type, account, from_id, field, to_type, to_id)
do update set member = excluded.member, certain = excluded.certain, ticket = excluded.ticket
