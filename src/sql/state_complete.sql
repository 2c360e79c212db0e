-- core/state.c: has a list been walked to its end since the store was made?
select 1 from _walks where type = $1 and variant = $2 and account = $3 and complete_at > 0
