-- core/audit.c: what befell the environment
insert into _audit (at, what, detail) values ($1, $2, $3)
