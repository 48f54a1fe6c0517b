drop table diagnoses;
drop table models;
