-- How long reports took (reports/turnaround.h): when their study came, and by when they were due.
alter table reports add column arrived_at integer;
alter table reports add column due_at integer;
update reports set arrived_at = (select s.arrived_at from studies s where s.id = reports.study_id)
    where signed_version is not null;
create index ix_report_steps_action on report_steps(action, at, id);
