-- core/known.c: the rows that a page's objects will meet; $3 is a JSON array of ids
select id, ticket, deleted, revision, data, open_lists, changed_at from objects
where type = $1 and account = $2 and id in (select value from json_each($3))
