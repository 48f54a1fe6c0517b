alter table image_files drop column stated_patient_id;
alter table image_files drop column stated_patient_number;
