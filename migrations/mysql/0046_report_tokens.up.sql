-- What the code on a report's pages leads to (reports/report_public.h). Reports that were signed before have none.
alter table report_signatures add column token char(32);
create unique index uq_report_signatures_token on report_signatures(token);
