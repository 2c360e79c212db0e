-- core/mirror/walk.c: where a walk stands
select cursor, run, started_ticket, state, objects, pages, started_at from _walks
where type = $1 and variant = $2 and account = $3
