-- backend/pg_batch.c: references, and members of nested lists
insert into _refs (from_type, account, from_id, field, to_type, to_id, member, certain, ticket)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::bigint[], $8::bigint[], $9::bigint[])
on conflict (from_type, account, from_id, field, to_type, to_id)
do update set member = excluded.member, certain = excluded.certain, ticket = excluded.ticket
