drop table program_asks;
delete from diagnosis_rules where model_id is null;
alter table diagnosis_rules drop column program, modify model_id bigint not null;
