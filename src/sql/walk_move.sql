-- core/walk.c: a part of a page is stored
update _walks set cursor = $1, objects = objects + $2, pages = pages + $3
where type = $4 and variant = $5 and account = $6
