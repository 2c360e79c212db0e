-- core/erasure/removal.c: what the key-value server may still have: pairs of forgotten users, and a customer's former state
select (select count(*) from _users where state = 'forgotten' and account = $1),
    (select count(*) from _states where account = $1 and customer = $2 and delivered < revision)
