-- core/customer/outbox.c: when this store was made
select created_at from _environment
