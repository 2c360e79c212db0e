-- core/environment/acting.c: what is known of a connected account
select state, asked_at, reason, since from _accounts where account = $1
