alter table events drop column diagnosis_id;
