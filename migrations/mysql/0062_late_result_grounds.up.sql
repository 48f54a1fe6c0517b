-- A ground of a signed version that is denied asks for an addendum, too; what came while one was written is not
-- answered by it unseen (reports/late_result.h).
alter table late_results add column judged_before bigint not null default 0;
alter table late_results add column while_writing tinyint not null default 0;
drop index uq_late_results on late_results;
create unique index uq_late_results on late_results(report_id, diagnosis_id, signed_version);
