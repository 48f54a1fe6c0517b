drop trigger series_studies_update;
drop trigger image_files_series_delete;
drop trigger image_files_series_update;
drop trigger image_files_series_insert;
create index ix_image_files_series_before on image_files(series_id, is_deleted, created_at, id);
drop index ix_image_files_series on image_files;
drop index uq_image_files_instance on image_files;
alter table image_files rename index ix_image_files_series_before to ix_image_files_series;
alter table image_files
    drop column alive_instance,
    drop column sort_number,
    drop column conflict,
    drop column number_of_frames,
    drop column pixel_columns,
    drop column pixel_rows,
    drop column instance_number,
    drop column transfer_syntax_uid,
    drop column sop_instance_uid,
    drop column sop_class_uid,
    drop column is_instance;
create index ix_series_study_before on series(study_id, series_number, id);
drop index ix_series_study on series;
alter table series rename index ix_series_study_before to ix_series_study;
drop index ix_series_uid on series;
drop index uq_series_series_uid on series;
create unique index uq_series_series_uid on series(series_uid, alive);
alter table series
    drop column sort_number,
    drop column size_bytes,
    drop column number_of_instances,
    drop column institution_name,
    drop column manufacturer,
    drop column laterality,
    drop column protocol_name;
drop table study_search;
drop index ix_studies_deleted_at on studies;
drop index ix_studies_conflict on studies;
drop index ix_studies_accession on studies;
drop index ix_studies_modality_date on studies;
drop index ix_studies_modality on studies;
drop index ix_studies_date on studies;
create index ix_studies_created_by_before on studies(created_by);
drop index ix_studies_created_by_date on studies;
drop index ix_studies_created_by on studies;
alter table studies rename index ix_studies_created_by_before to ix_studies_created_by;
alter table studies
    drop column sort_date,
    drop column has_conflict,
    drop column conflict,
    drop column size_bytes,
    drop column number_of_instances,
    drop column number_of_series,
    drop column modalities,
    drop column referring_physician,
    drop column study_number,
    drop column study_time;
drop index ix_patients_conflict on patients;
drop index uq_patients_patient_id on patients;
create unique index uq_patients_patient_id on patients(patient_id, alive);
alter table patients
    drop column has_conflict,
    drop column conflict,
    drop column is_unidentified,
    drop column issuer_key,
    drop column issuer_of_patient_id;
