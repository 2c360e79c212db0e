-- core/erasure/erase.c: was anybody ever erased?
select 1 from objects where deleted = 2 limit 1
