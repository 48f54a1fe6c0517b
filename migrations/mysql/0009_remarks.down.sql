alter table image_files
    drop column remarks,
    drop column character_set;
