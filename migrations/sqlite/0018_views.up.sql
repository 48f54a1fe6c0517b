-- What an account sees of a study or series that somebody else registered and of which it does not see all: what its
-- own files said, as if it had registered it (records/study_view.h). files: how many of its own are in the study; kept
-- by triggers.
create table study_views (
    id integer not null references studies(id) on delete cascade,
    created_by integer not null references users(id),
    accession_number text,
    study_number text,
    study_date text,
    study_time text,
    modality text,
    body_part text,
    description text,
    referring_physician text,
    created_at integer not null,
    files integer not null default 0,
    is_live integer generated always as (files > 0) virtual,
    sort_date text generated always as (coalesce(study_date, '0000-00-00')) virtual,
    primary key (created_by, id)
) without rowid;
create index ix_study_views_id on study_views(id);
create index ix_study_views_created on study_views(created_by, is_live, created_at, id);
create index ix_study_views_date on study_views(created_by, is_live, sort_date, id);
create table series_views (
    id integer not null references series(id) on delete cascade,
    created_by integer not null references users(id),
    series_number integer,
    modality text,
    body_part text,
    description text,
    protocol_name text,
    laterality text,
    manufacturer text,
    institution_name text,
    created_at integer not null,
    sort_number integer generated always as (coalesce(series_number, 2147483647)) virtual,
    primary key (id, created_by)
) without rowid;
create index ix_series_views_created_by on series_views(created_by);

-- Whose file made it: its words are that file's.
alter table series add column created_by integer references users(id);
create index ix_series_created_by on series(created_by) where created_by is not null;
update series set created_by = (select f.uploaded_by from image_files f
    where f.series_id = series.id order by f.id limit 1);

-- The instance for its uploader, who does not see the file that is the instance for everybody else.
alter table image_files add column is_apart integer not null default 0;
update image_files set is_apart = 1 where is_instance = 0 and deleted_at is null and series_id is not null
    and sop_instance_uid is not null
    and status_reason is null and status <> 'FAILED' and exists (select 1 from image_files i
        where i.series_id = image_files.series_id
        and i.sop_instance_uid = image_files.sop_instance_uid and i.is_instance = 1 and i.deleted_at is null
            and i.uploaded_by <> image_files.uploaded_by)
    and not exists (select 1 from image_files e
        where e.series_id = image_files.series_id and e.sop_instance_uid = image_files.sop_instance_uid
        and e.deleted_at is null and e.uploaded_by = image_files.uploaded_by and e.id < image_files.id);

insert into study_views(id, created_by, study_date, modality, body_part, created_at, files)
select f.study_id, f.uploaded_by, f.study_date, f.modality, f.body_part, f.created_at, m.files from (
    select i.study_id, i.uploaded_by, min(i.id) as first, sum(i.deleted_at is null) as files from image_files i
    where i.study_id is not null group by i.study_id, i.uploaded_by) m
join image_files f on f.id = m.first join studies s on s.id = m.study_id and s.created_by <> m.uploaded_by;
insert into series_views(id, created_by, modality, body_part, created_at)
select f.series_id, f.uploaded_by, f.modality, f.body_part, f.created_at from (
    select i.series_id, i.uploaded_by, min(i.id) as first from image_files i
    where i.series_id is not null group by i.series_id, i.uploaded_by) m
join image_files f on f.id = m.first join series x on x.id = m.series_id and x.created_by <> m.uploaded_by;

create trigger image_files_views_insert after insert on image_files
    when new.deleted_at is null and new.study_id is not null
begin
    update study_views set files = files + 1 where id = new.study_id and created_by = new.uploaded_by;
end;
create trigger image_files_views_update_old after update of study_id, uploaded_by, deleted_at on image_files
when old.deleted_at is null and old.study_id is not null
begin
    update study_views set files = files - 1 where id = old.study_id and created_by = old.uploaded_by;
end;
create trigger image_files_views_update_new after update of study_id, uploaded_by, deleted_at on image_files
when new.deleted_at is null and new.study_id is not null
begin
    update study_views set files = files + 1 where id = new.study_id and created_by = new.uploaded_by;
end;
create trigger image_files_views_delete after delete on image_files
    when old.deleted_at is null and old.study_id is not null
begin
    update study_views set files = files - 1 where id = old.study_id and created_by = old.uploaded_by;
end;

-- Whose files say otherwise of a patient, in which study; and whose files of another patient named a study. Who sees
-- none of them is not told.
create table patient_conflicts (
    patient_id integer not null references patients(id) on delete cascade,
    member text not null,
    study_id integer not null references studies(id) on delete cascade,
    uploaded_by integer not null references users(id),
    primary key (patient_id, member, study_id, uploaded_by)
) without rowid;
create index ix_patient_conflicts_study on patient_conflicts(study_id);
create index ix_patient_conflicts_uploaded_by on patient_conflicts(uploaded_by);
insert into patient_conflicts(patient_id, member, study_id, uploaded_by)
select distinct f.patient_id, m.member, f.study_id, f.uploaded_by from patients p
    join image_files f on f.patient_id = p.id
join (select 'name' as member union select 'gender' union select 'birth_date') m
where p.conflict is not null and f.conflict is not null and f.study_id is not null
    and instr(f.conflict, m.member || ': ') > 0
    and instr(p.conflict, '"' || m.member || '"') > 0;
create table study_conflicts (
    study_id integer not null references studies(id) on delete cascade,
    uploaded_by integer not null references users(id),
    primary key (study_id, uploaded_by)
) without rowid;
create index ix_study_conflicts_uploaded_by on study_conflicts(uploaded_by);
