alter table diagnoses drop column is_shadow;
