drop table diagnosis_masks;
alter table diagnoses drop column has_mask;
