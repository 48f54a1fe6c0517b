-- Where the bytes of a file are, and what is known to be wrong with them; how far fsck has read.

-- status ARCHIVED tells people; is_archived tells which store has the bytes. Rows that share bytes moved together,
-- whatever their status.
alter table image_files add column is_archived integer not null default 0;
alter table image_files add column damage text;
update image_files set is_archived = 1 where exists (select 1 from image_files a
    where a.sha256 = image_files.sha256 and a.storage_path = image_files.storage_path and a.status = 'ARCHIVED');

create table scrub_position (
    id integer primary key,
    last_file_id integer not null,
    updated_at integer not null
);
