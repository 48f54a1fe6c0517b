drop index uq_report_signatures_token on report_signatures;
alter table report_signatures drop column token;
