delete from late_results where cause = 'DENIED';
drop index uq_late_results on late_results;
create unique index uq_late_results on late_results(report_id, diagnosis_id);
alter table late_results drop column while_writing;
alter table late_results drop column judged_before;
