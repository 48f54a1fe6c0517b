-- Whom an uploader who is not told of patients said a file is of (records/stated_patient.h).
alter table image_files add column stated_patient_number text;
alter table image_files add column stated_patient_id integer;
