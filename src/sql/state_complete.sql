-- core/customer/state.c: when a list's last complete walk began
select complete_at from _walks where type = $1 and variant = $2 and account = $3
