-- core/mirror/mirror.c: members of a nested list that its latest enumeration has not shown
select to_type, to_id from _refs
where from_type = $1 and account = $2 and from_id = $3 and field = $4 and member = 1 and ticket < $5
limit $6
