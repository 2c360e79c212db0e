-- core/mirror/parents.c: from which parent on lists are yet to be wanted; from the first, when they are asked for
update _walks set cursor = $1 where type = $2 and variant = 'parents' and account = $3
