-- core/outbox.c: how much is due, and since when
select count(*), min(changed_at) from _states where delivered < revision and account = $1
