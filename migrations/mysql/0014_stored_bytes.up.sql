-- Where the bytes of a file are, and what is known to be wrong with them; how far fsck has read.

-- status ARCHIVED tells people; is_archived tells which store has the bytes. Rows that share bytes moved together,
-- whatever their status.
alter table image_files
    add column is_archived tinyint not null default 0,
    add column damage varchar(16);
update image_files f
    join image_files a on a.sha256 = f.sha256 and a.storage_path = f.storage_path and a.status = 'ARCHIVED'
    set f.is_archived = 1;

create table scrub_position (
    id bigint not null primary key,
    last_file_id bigint not null,
    updated_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
