alter table events drop column report_id;
