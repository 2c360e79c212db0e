-- core/mirror/parents.c: the lists of so many parents are wanted, unless somebody was there first, or all are to be
-- wanted anew
update _walks set cursor = $1
where type = $2 and variant = 'parents' and account = $3 and run = $4 and cursor = $5
