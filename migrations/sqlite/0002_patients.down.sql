drop trigger users_count_update;
drop trigger users_count_insert;
drop table row_counts;
drop table study_assignments;
drop table series;
drop table studies;
drop table patient_search;
drop table patients;
