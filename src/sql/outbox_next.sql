-- core/outbox.c: states that the key-value server does not have yet
select customer, value, revision from _states
where delivered < revision and account = $1 order by revision limit $2
