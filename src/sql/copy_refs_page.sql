-- core/copy.c: a page of _refs
select from_type, account, from_id, field, to_type, to_id, member, certain, ticket
from _refs where (from_type, account, from_id, field, to_type, to_id) > ($1, $2, $3, $4, $5, $6)
order by from_type, account, from_id, field, to_type, to_id limit $7
