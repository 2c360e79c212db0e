-- core/env.c: who took over; '' opens it again
update _environment set sealed_for = $1
