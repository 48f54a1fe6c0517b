-- Every uploaded file. Columns of the brief under their names; sha256, status_reason and chunk bookkeeping beside them.
create table image_files (
    id integer primary key,
    file_uuid text not null,
    original_filename text not null,
    file_type text not null,
    mime_type text not null,
    storage_path text,
    file_size integer not null,
    file_hash text,
    sha256 text,
    thumbnail_path text,
    uploaded_by integer not null references users(id),
    patient_id integer references patients(id),
    study_id integer references studies(id),
    series_id integer references series(id),
    modality text,
    body_part text,
    study_date text,
    description text,
    tags text,
    status text not null,
    status_reason text,
    upload_progress integer not null default 0,
    is_chunked integer not null default 0,
    total_chunks integer,
    uploaded_chunks text,
    chunk_size integer,
    expected_hash text,
    duplicate_of integer references image_files(id),
    created_at integer not null,
    updated_at integer not null,
    uploaded_at integer,
    deleted_at integer,
    deleted_by integer references users(id),
    is_deleted integer generated always as (deleted_at is not null) virtual
);
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
create index ix_image_files_duplicate_of on image_files(duplicate_of) where duplicate_of is not null;
create index ix_image_files_deleted_at on image_files(deleted_at) where deleted_at is not null;
create index ix_image_files_deleted_by on image_files(deleted_by) where deleted_by is not null;
-- What is still to be done after a restart: pictures without a thumbnail.
create index ix_image_files_no_thumbnail on image_files(id)
    where status = 'UPLOADED' and thumbnail_path is null and file_type in ('JPEG', 'PNG', 'TIFF');

create virtual table image_file_search using fts5(grams, tokenize='ascii', columnsize=0);

create table upload_chunks (
    image_file_id integer not null references image_files(id) on delete cascade,
    number integer not null,
    size_bytes integer not null,
    md5 text not null,
    sha256 text not null,
    created_at integer not null,
    primary key (image_file_id, number)
) without rowid;

-- Files and bytes per owner (0: everyone) and kind, kept by triggers; deleted files are not in it.
create table image_file_counts (
    uploaded_by integer not null,
    file_type text not null,
    status text not null,
    modality text not null,
    files integer not null,
    bytes integer not null,
    primary key (uploaded_by, file_type, status, modality)
) without rowid;

-- The same per owner alone: the total of a list without filters.
create table image_file_totals (
    uploaded_by integer primary key,
    files integer not null,
    bytes integer not null
);

create trigger image_files_count_insert after insert on image_files when new.deleted_at is null
begin
    insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
    values (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
           (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
    on conflict(uploaded_by, file_type, status, modality)
    do update set files = files + 1, bytes = bytes + excluded.bytes;
    insert into image_file_totals(uploaded_by, files, bytes) values (new.uploaded_by, 1, new.file_size), (0, 1, new.file_size)
    on conflict(uploaded_by) do update set files = files + 1, bytes = bytes + excluded.bytes;
    update patients set image_count = image_count + 1 where id = new.patient_id;
end;
create trigger image_files_count_update_old
after update of uploaded_by, file_type, status, modality, file_size, patient_id, deleted_at on image_files
when old.deleted_at is null
begin
    update image_file_counts set files = files - 1, bytes = bytes - old.file_size
    where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
        and modality = coalesce(old.modality, '');
    update image_file_totals set files = files - 1, bytes = bytes - old.file_size where uploaded_by in (0, old.uploaded_by);
    update patients set image_count = image_count - 1 where id = old.patient_id;
end;
create trigger image_files_count_update_new
after update of uploaded_by, file_type, status, modality, file_size, patient_id, deleted_at on image_files
when new.deleted_at is null
begin
    insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
    values (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
           (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
    on conflict(uploaded_by, file_type, status, modality)
    do update set files = files + 1, bytes = bytes + excluded.bytes;
    insert into image_file_totals(uploaded_by, files, bytes) values (new.uploaded_by, 1, new.file_size), (0, 1, new.file_size)
    on conflict(uploaded_by) do update set files = files + 1, bytes = bytes + excluded.bytes;
    update patients set image_count = image_count + 1 where id = new.patient_id;
end;
create trigger image_files_count_delete after delete on image_files when old.deleted_at is null
begin
    update image_file_counts set files = files - 1, bytes = bytes - old.file_size
    where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
        and modality = coalesce(old.modality, '');
    update image_file_totals set files = files - 1, bytes = bytes - old.file_size where uploaded_by in (0, old.uploaded_by);
    update patients set image_count = image_count - 1 where id = old.patient_id;
end;
