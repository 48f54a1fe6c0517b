alter table image_files drop column remarks;
alter table image_files drop column character_set;
