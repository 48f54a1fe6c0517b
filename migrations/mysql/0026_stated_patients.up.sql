-- Whom an uploader who is not told of patients said a file is of (records/stated_patient.h).
alter table image_files
    add column stated_patient_number varchar(64) collate utf8mb4_bin,
    add column stated_patient_id bigint;
