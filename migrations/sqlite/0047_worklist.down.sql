drop trigger studies_worklist_update;
drop table worklist;
alter table diagnoses drop column critical_denied;
alter table diagnoses drop column critical_label;
drop table study_lifts;
alter table studies drop column arrived_at;
alter table studies drop column priority;
alter table studies drop column care_setting;
