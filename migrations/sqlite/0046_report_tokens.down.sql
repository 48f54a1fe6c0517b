drop index uq_report_signatures_token;
alter table report_signatures drop column token;
