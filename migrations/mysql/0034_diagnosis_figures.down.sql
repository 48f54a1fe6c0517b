drop table diagnosis_figures;
alter table diagnoses drop column verdict;
