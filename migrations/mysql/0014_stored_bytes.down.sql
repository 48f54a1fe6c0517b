drop table scrub_position;
alter table image_files
    drop column damage,
    drop column is_archived;
