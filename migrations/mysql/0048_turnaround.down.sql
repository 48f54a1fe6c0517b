drop index ix_report_steps_action on report_steps;
alter table reports drop column due_at;
alter table reports drop column arrived_at;
