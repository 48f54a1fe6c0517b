alter table image_files
    drop column stated_patient_id,
    drop column stated_patient_number;
