-- core/mirror/derived.c: whose list showed it
select owner from objects where type = $1 and account = $2 and id = $3
