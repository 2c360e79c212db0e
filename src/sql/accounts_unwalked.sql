-- core/environment/connected.c: connected accounts whose lists were not asked for yet
select account from _accounts where state = 'active' and walked_at = 0 order by account limit $1
