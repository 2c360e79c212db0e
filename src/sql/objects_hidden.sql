-- core/mirror/drift_report.c: how many are there although complete lists do not show them
select count(*) from objects where type = $1 and account = $2 and ticket > hidden
