-- core/environment/connected.c: how a list's latest walk stands
select state, started_at from _walks where type = $1 and variant = $2 and account = $3
