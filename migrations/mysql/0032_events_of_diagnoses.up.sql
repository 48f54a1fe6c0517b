-- Events of diagnoses (site/event.h).
alter table events add column diagnosis_id bigint;
