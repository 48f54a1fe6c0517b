-- The documents stay with the account that they have: who sees all files of the study sees them.
drop index ix_image_files_report;
drop table report_owner;
alter table image_files drop column is_report;
