-- When pages of a report want what proves them, or another time stamp over their last one (reports/report_proofs.h).
alter table report_pdfs add column renew_at integer;
update report_pdfs set renew_at = made_at where level = 'B-T';
create index ix_report_pdfs_renewal on report_pdfs(level, renew_at);
