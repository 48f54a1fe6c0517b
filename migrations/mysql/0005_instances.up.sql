-- DICOM files as instances of series of studies of patients.

-- A patient's number is unique among those of the same issuer; without one it is our own.
-- is_unidentified: the number was made here, because the first file of a study had none.
-- conflict: which of name, gender and birth_date some file says otherwise; JSON list.
alter table patients
    add column issuer_of_patient_id varchar(64),
    add column issuer_key varchar(64) as (coalesce(issuer_of_patient_id, '')) virtual,
    add column is_unidentified tinyint not null default 0,
    add column conflict varchar(2000),
    add column has_conflict tinyint as (conflict is not null) virtual;
drop index uq_patients_patient_id on patients;
create unique index uq_patients_patient_id on patients(patient_id, issuer_key, alive);
create index ix_patients_conflict on patients(is_deleted, has_conflict, created_at, id);

alter table studies
    add column study_time varchar(15),
    add column study_number varchar(64),
    add column referring_physician varchar(200),
    add column modalities varchar(2000),
    add column number_of_series bigint not null default 0,
    add column number_of_instances bigint not null default 0,
    add column size_bytes bigint not null default 0,
    add column conflict varchar(2000),
    add column has_conflict tinyint as (conflict is not null) virtual,
    add column sort_date varchar(10) as (coalesce(study_date, '0000-00-00')) virtual;
create index ix_studies_created_by_date on studies(created_by, is_deleted, sort_date, id);
drop index ix_studies_created_by on studies;
create index ix_studies_created_by on studies(created_by, is_deleted, created_at, id);
create index ix_studies_date on studies(is_deleted, sort_date, id);
create index ix_studies_modality on studies(is_deleted, modality, created_at, id);
create index ix_studies_modality_date on studies(is_deleted, modality, sort_date, id);
create index ix_studies_accession on studies(accession_number);
create index ix_studies_conflict on studies(is_deleted, has_conflict, created_at, id);
create index ix_studies_deleted_at on studies(deleted_at);

create table study_search (
    id bigint not null primary key,
    grams mediumtext character set ascii collate ascii_bin not null,
    fulltext key ft_study_search (grams)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- UIDs of series and instances count within their parent: a file with a copied UID never lands in somebody else's study.
alter table series
    add column protocol_name varchar(64),
    add column laterality varchar(16),
    add column manufacturer varchar(64),
    add column institution_name varchar(64),
    add column number_of_instances bigint not null default 0,
    add column size_bytes bigint not null default 0,
    add column sort_number bigint as (coalesce(series_number, 2147483647)) virtual;
drop index uq_series_series_uid on series;
create unique index uq_series_series_uid on series(study_id, series_uid, alive);
create index ix_series_uid on series(series_uid);
drop index ix_series_study on series;
create index ix_series_study on series(study_id, sort_number, id);

-- is_instance: this row is the instance of its series; copies and other versions of it are not.
alter table image_files
    add column is_instance tinyint not null default 0,
    add column sop_class_uid varchar(64),
    add column sop_instance_uid varchar(64),
    add column transfer_syntax_uid varchar(64),
    add column instance_number bigint,
    add column pixel_rows bigint,
    add column pixel_columns bigint,
    add column number_of_frames bigint,
    add column conflict varchar(2000),
    add column sort_number bigint as (coalesce(instance_number, 2147483647)) virtual,
    add column alive_instance tinyint as (if(deleted_at is null and is_instance = 1, 1, null)) virtual;
-- Both begin with the series, whose instances come together: inserting touches pages that are at hand.
create unique index uq_image_files_instance on image_files(series_id, sop_instance_uid, alive_instance);
drop index ix_image_files_series on image_files;
create index ix_image_files_series on image_files(series_id, is_deleted, is_instance, sort_number, id);

create trigger image_files_series_insert after insert on image_files for each row
begin
    if new.is_instance = 1 and new.deleted_at is null then
        update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.study_id;
        update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.series_id;
    end if;
end;
create trigger image_files_series_update after update on image_files for each row
begin
    if not (new.is_instance <=> old.is_instance and new.series_id <=> old.series_id and new.study_id <=> old.study_id
        and new.file_size <=> old.file_size and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.is_instance = 1 and old.deleted_at is null then
            update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.study_id;
            update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.series_id;
        end if;
        if new.is_instance = 1 and new.deleted_at is null then
            update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.study_id;
            update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.series_id;
        end if;
    end if;
end;
create trigger image_files_series_delete after delete on image_files for each row
begin
    if old.is_instance = 1 and old.deleted_at is null then
        update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.study_id;
        update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.series_id;
    end if;
end;
-- A series counts while it holds something.
create trigger series_studies_update after update on series for each row
begin
    if (old.number_of_instances > 0) <> (new.number_of_instances > 0) or (new.number_of_instances > 0 and not (old.modality <=> new.modality)) then
        update studies set
            number_of_series = (select count(*) from series x where x.study_id = new.study_id and x.number_of_instances > 0),
            modalities = (select concat('[', group_concat(distinct json_quote(x.modality) order by x.modality separator ','), ']') from series x
                where x.study_id = new.study_id and x.number_of_instances > 0 and x.modality is not null)
        where id = new.study_id;
    end if;
end;
