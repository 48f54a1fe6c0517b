drop table diagnosis_rules;
alter table diagnoses drop column rule_id;
