drop table scrub_position;
alter table image_files drop column damage;
alter table image_files drop column is_archived;
