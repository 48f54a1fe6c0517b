drop index ix_report_pdfs_renewal;
alter table report_pdfs drop column renew_at;
update report_pdfs set level = 'B-T' where level = 'B-LTA';
