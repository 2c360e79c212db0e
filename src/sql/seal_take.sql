-- core/environment/seal.c: SQLite has one writer: whoever writes has the seal to himself
select 1 where false
