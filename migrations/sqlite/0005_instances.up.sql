-- DICOM files as instances of series of studies of patients.

-- A patient's number is unique among those of the same issuer; without one it is our own.
alter table patients add column issuer_of_patient_id text;
alter table patients add column issuer_key text generated always as (coalesce(issuer_of_patient_id, '')) virtual;
-- The number was made here, because the first file of a study had none.
alter table patients add column is_unidentified integer not null default 0;
-- Which of name, gender and birth_date some file says otherwise; JSON list.
alter table patients add column conflict text;
alter table patients add column has_conflict integer generated always as (conflict is not null) virtual;
drop index uq_patients_patient_id;
create unique index uq_patients_patient_id on patients(patient_id, issuer_key) where deleted_at is null;
create index ix_patients_conflict on patients(is_deleted, has_conflict, created_at, id);

alter table studies add column study_time text;
alter table studies add column study_number text;
alter table studies add column referring_physician text;
alter table studies add column modalities text;
alter table studies add column number_of_series integer not null default 0;
alter table studies add column number_of_instances integer not null default 0;
alter table studies add column size_bytes integer not null default 0;
alter table studies add column conflict text;
alter table studies add column has_conflict integer generated always as (conflict is not null) virtual;
alter table studies add column sort_date text generated always as (coalesce(study_date, '0000-00-00')) virtual;
drop index ix_studies_created_by;
create index ix_studies_created_by on studies(created_by, is_deleted, created_at, id);
create index ix_studies_created_by_date on studies(created_by, is_deleted, sort_date, id);
create index ix_studies_date on studies(is_deleted, sort_date, id);
create index ix_studies_modality on studies(is_deleted, modality, created_at, id);
create index ix_studies_modality_date on studies(is_deleted, modality, sort_date, id);
create index ix_studies_accession on studies(accession_number);
create index ix_studies_conflict on studies(is_deleted, has_conflict, created_at, id);
create index ix_studies_deleted_at on studies(deleted_at) where deleted_at is not null;

create virtual table study_search using fts5(grams, tokenize='ascii', columnsize=0);
-- Each commit adds a segment; merging sixteen at a time instead of four halves what SQLite takes for a row beside a million others. A search looks into a few more.
insert into study_search(study_search, rank) values ('automerge', 16), ('crisismerge', 32);
insert into image_file_search(image_file_search, rank) values ('automerge', 16), ('crisismerge', 32);
insert into patient_search(patient_search, rank) values ('automerge', 16), ('crisismerge', 32);

-- UIDs of series and instances count within their parent: a file with a copied UID never lands in somebody else's study.
alter table series add column protocol_name text;
alter table series add column laterality text;
alter table series add column manufacturer text;
alter table series add column institution_name text;
alter table series add column number_of_instances integer not null default 0;
alter table series add column size_bytes integer not null default 0;
alter table series add column sort_number integer generated always as (coalesce(series_number, 2147483647)) virtual;
drop index uq_series_series_uid;
create unique index uq_series_series_uid on series(study_id, series_uid) where deleted_at is null;
create index ix_series_uid on series(series_uid);
drop index ix_series_study;
create index ix_series_study on series(study_id, sort_number, id);

-- is_instance: this row is the instance of its series; copies and other versions of it are not.
alter table image_files add column is_instance integer not null default 0;
alter table image_files add column sop_class_uid text;
alter table image_files add column sop_instance_uid text;
alter table image_files add column transfer_syntax_uid text;
alter table image_files add column instance_number integer;
alter table image_files add column pixel_rows integer;
alter table image_files add column pixel_columns integer;
alter table image_files add column number_of_frames integer;
alter table image_files add column conflict text;
alter table image_files add column sort_number integer generated always as (coalesce(instance_number, 2147483647)) virtual;
-- Both begin with the series, whose instances come together: inserting touches pages that are at hand.
drop index ix_image_files_series;
create index ix_image_files_series on image_files(series_id, is_deleted, is_instance, sort_number, id);
create unique index uq_image_files_instance on image_files(series_id, sop_instance_uid) where is_instance = 1 and deleted_at is null;

create trigger image_files_series_insert after insert on image_files when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.series_id;
end;
create trigger image_files_series_update_old after update of is_instance, series_id, study_id, file_size, deleted_at on image_files
when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.series_id;
end;
create trigger image_files_series_update_new after update of is_instance, series_id, study_id, file_size, deleted_at on image_files
when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size where id = new.series_id;
end;
create trigger image_files_series_delete after delete on image_files when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size where id = old.series_id;
end;
-- A series counts while it holds something.
create trigger series_studies_update after update of number_of_instances, modality on series
when (old.number_of_instances > 0) <> (new.number_of_instances > 0) or (new.number_of_instances > 0 and old.modality is not new.modality)
begin
    update studies set
        number_of_series = (select count(*) from series x where x.study_id = new.study_id and x.number_of_instances > 0),
        modalities = (select '[' || group_concat(m.q, ',') || ']' from (select distinct '"' || replace(replace(x.modality, '\', '\\'), '"', '\"') || '"' as q from series x
            where x.study_id = new.study_id and x.number_of_instances > 0 and x.modality is not null order by q) m)
    where id = new.study_id;
end;
