-- core/environment/seal.c: before the seal is taken: who writes this row takes the seal's lock behind it
select 1 from _environment where one = 1 for update
