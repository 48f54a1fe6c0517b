-- Every uploaded file. Columns of the brief under their names; sha256, status_reason and chunk bookkeeping beside them.
create table image_files (
    id bigint not null auto_increment primary key,
    file_uuid varchar(36) not null,
    original_filename varchar(512) not null,
    file_type varchar(8) not null,
    mime_type varchar(100) not null,
    storage_path varchar(200),
    file_size bigint not null,
    file_hash varchar(32),
    sha256 varchar(64),
    thumbnail_path varchar(200),
    uploaded_by bigint not null,
    patient_id bigint,
    study_id bigint,
    series_id bigint,
    modality varchar(16),
    body_part varchar(64),
    study_date varchar(10),
    description varchar(2000),
    tags text,
    status varchar(16) not null,
    status_reason text,
    upload_progress tinyint not null default 0,
    is_chunked tinyint not null default 0,
    total_chunks bigint,
    uploaded_chunks mediumtext,
    chunk_size bigint,
    expected_hash varchar(64),
    duplicate_of bigint,
    created_at bigint not null,
    updated_at bigint not null,
    uploaded_at bigint,
    deleted_at bigint,
    deleted_by bigint,
    is_deleted tinyint as (deleted_at is not null) virtual,
    alive tinyint as (if(deleted_at is null, 1, null)) virtual,
    constraint fk_image_files_duplicate_of foreign key (duplicate_of) references image_files(id),
    constraint fk_image_files_uploaded_by foreign key (uploaded_by) references users(id),
    constraint fk_image_files_patient_id foreign key (patient_id) references patients(id),
    constraint fk_image_files_study_id foreign key (study_id) references studies(id),
    constraint fk_image_files_series_id foreign key (series_id) references series(id),
    constraint fk_image_files_deleted_by foreign key (deleted_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_image_files_file_uuid on image_files(file_uuid);
create index ix_image_files_sha256 on image_files(sha256);
create index ix_image_files_owner on image_files(uploaded_by, is_deleted, created_at, id);
create index ix_image_files_owner_type on image_files(uploaded_by, is_deleted, file_type, created_at, id);
create index ix_image_files_owner_status on image_files(uploaded_by, is_deleted, status, created_at, id);
create index ix_image_files_owner_modality on image_files(uploaded_by, is_deleted, modality, created_at, id);
create index ix_image_files_owner_body_part on image_files(uploaded_by, is_deleted, body_part, created_at, id);
create index ix_image_files_owner_size on image_files(uploaded_by, is_deleted, file_size, id);
create index ix_image_files_all on image_files(is_deleted, created_at, id);
create index ix_image_files_all_type on image_files(is_deleted, file_type, created_at, id);
create index ix_image_files_all_status on image_files(is_deleted, status, created_at, id);
create index ix_image_files_all_modality on image_files(is_deleted, modality, created_at, id);
create index ix_image_files_all_body_part on image_files(is_deleted, body_part, created_at, id);
create index ix_image_files_all_size on image_files(is_deleted, file_size, id);
create index ix_image_files_patient on image_files(patient_id, is_deleted, created_at, id);
create index ix_image_files_study on image_files(study_id, is_deleted, created_at, id);
create index ix_image_files_series on image_files(series_id, is_deleted, created_at, id);
create index ix_image_files_duplicate_of on image_files(duplicate_of);
create index ix_image_files_deleted_at on image_files(deleted_at);
create index ix_image_files_deleted_by on image_files(deleted_by);

create table image_file_search (
    id bigint not null primary key,
    grams mediumtext character set ascii collate ascii_bin not null,
    fulltext key ft_image_file_search (grams)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table upload_chunks (
    image_file_id bigint not null,
    number bigint not null,
    size_bytes bigint not null,
    md5 varchar(32) not null,
    sha256 varchar(64) not null,
    created_at bigint not null,
    primary key (image_file_id, number),
    constraint fk_upload_chunks_image_file_id foreign key (image_file_id) references image_files(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- Files and bytes per owner (0: everyone) and kind, kept by triggers; deleted files are not in it.
create table image_file_counts (
    uploaded_by bigint not null,
    file_type varchar(8) not null,
    status varchar(16) not null,
    modality varchar(16) not null,
    files bigint not null,
    bytes bigint not null,
    primary key (uploaded_by, file_type, status, modality)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- The same per owner alone: the total of a list without filters.
create table image_file_totals (
    uploaded_by bigint not null primary key,
    files bigint not null,
    bytes bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create trigger image_files_count_insert after insert on image_files for each row
begin
    if new.deleted_at is null then
        insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
        values (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
               (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
        on duplicate key update files = files + 1, bytes = bytes + new.file_size;
        insert into image_file_totals(uploaded_by, files, bytes) values (0, 1, new.file_size), (new.uploaded_by, 1, new.file_size)
        on duplicate key update files = files + 1, bytes = bytes + new.file_size;
        update patients set image_count = image_count + 1 where id = new.patient_id;
    end if;
end;
create trigger image_files_count_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.file_type <=> old.file_type and new.status <=> old.status
        and new.modality <=> old.modality and new.file_size <=> old.file_size and new.patient_id <=> old.patient_id
        and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.deleted_at is null then
            update image_file_counts set files = files - 1, bytes = bytes - old.file_size
            where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
                and modality = coalesce(old.modality, '');
            update image_file_totals set files = files - 1, bytes = bytes - old.file_size where uploaded_by in (0, old.uploaded_by);
            update patients set image_count = image_count - 1 where id = old.patient_id;
        end if;
        if new.deleted_at is null then
            insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
            values (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
                   (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
            on duplicate key update files = files + 1, bytes = bytes + new.file_size;
            insert into image_file_totals(uploaded_by, files, bytes) values (0, 1, new.file_size), (new.uploaded_by, 1, new.file_size)
            on duplicate key update files = files + 1, bytes = bytes + new.file_size;
            update patients set image_count = image_count + 1 where id = new.patient_id;
        end if;
    end if;
end;
create trigger image_files_count_delete after delete on image_files for each row
begin
    if old.deleted_at is null then
        update image_file_counts set files = files - 1, bytes = bytes - old.file_size
        where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
            and modality = coalesce(old.modality, '');
        update image_file_totals set files = files - 1, bytes = bytes - old.file_size where uploaded_by in (0, old.uploaded_by);
        update patients set image_count = image_count - 1 where id = old.patient_id;
    end if;
end;
