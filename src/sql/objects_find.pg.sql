-- core/known.c: the rows that a page's objects will meet; $3 is a JSON array of ids
select id, ticket, deleted, revision, raw, open_lists, changed_at from objects
where type = $1 and account = $2 and id = any (array(select jsonb_array_elements_text($3::jsonb)))
order by id for update
