-- What each caller sees, and how much of it (records/visibility.h).

-- To whom a study is open besides single accounts: everybody with a role, everybody of a department (as accounts name
-- it).
create table study_role_assignments (
    study_id integer not null references studies(id),
    role_id integer not null references roles(id),
    created_by integer not null references users(id),
    created_at integer not null,
    primary key (role_id, study_id)
) without rowid;
create index ix_study_role_assignments_study on study_role_assignments(study_id);
create index ix_study_role_assignments_created_by on study_role_assignments(created_by);
create table study_department_assignments (
    study_id integer not null references studies(id),
    department text not null,
    created_by integer not null references users(id),
    created_at integer not null,
    primary key (department, study_id)
) without rowid;
create index ix_study_department_assignments_study on study_department_assignments(study_id);
create index ix_study_department_assignments_created_by on study_department_assignments(created_by);

-- Whoever registers a Study Instance UID that somebody has whom they do not see gets a study of their own: claim is
-- their account. 0: the first.
alter table studies add column claim integer not null default 0;
drop index uq_studies_study_uid;
create unique index uq_studies_study_uid on studies(study_uid, claim) where deleted_at is null;

-- Instances that were not uploaded by who registered the study: while there are none, its counts are what that account
-- sees.
alter table studies add column instances_of_others integer not null default 0;
update studies set instances_of_others = (select count(*) from image_files f
    where f.study_id = studies.id and f.is_instance = 1
    and f.deleted_at is null and f.uploaded_by <> studies.created_by) where number_of_instances > 0;
drop trigger image_files_series_insert;
drop trigger image_files_series_update_old;
drop trigger image_files_series_update_new;
drop trigger image_files_series_delete;
create trigger image_files_series_insert after insert on image_files when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size,
        instances_of_others = instances_of_others + (created_by <> new.uploaded_by) where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.series_id;
end;
create trigger image_files_series_update_old after update of is_instance, series_id, study_id, file_size, deleted_at,
    uploaded_by on image_files
when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size,
        instances_of_others = instances_of_others - (created_by <> old.uploaded_by) where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.series_id;
end;
create trigger image_files_series_update_new after update of is_instance, series_id, study_id, file_size, deleted_at,
    uploaded_by on image_files
when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size,
        instances_of_others = instances_of_others + (created_by <> new.uploaded_by) where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.series_id;
end;
create trigger image_files_series_delete after delete on image_files when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size,
        instances_of_others = instances_of_others - (created_by <> old.uploaded_by) where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.series_id;
end;

-- Files of a patient by who uploaded them.
create table patient_uploads (
    patient_id integer not null,
    uploaded_by integer not null,
    files integer not null,
    primary key (patient_id, uploaded_by)
) without rowid;
insert into patient_uploads(patient_id, uploaded_by, files) select patient_id, uploaded_by, count(*) from image_files
    where patient_id is not null and deleted_at is null group by patient_id, uploaded_by;
create trigger image_files_patient_insert after insert on image_files
    when new.deleted_at is null and new.patient_id is not null
begin
    insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
    on conflict(patient_id, uploaded_by) do update set files = files + 1;
end;
create trigger image_files_patient_update_old after update of patient_id, uploaded_by, deleted_at on image_files
when old.deleted_at is null and old.patient_id is not null
begin
    update patient_uploads set files = files - 1 where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
end;
create trigger image_files_patient_update_new after update of patient_id, uploaded_by, deleted_at on image_files
when new.deleted_at is null and new.patient_id is not null
begin
    insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
    on conflict(patient_id, uploaded_by) do update set files = files + 1;
end;
create trigger image_files_patient_delete after delete on image_files
    when old.deleted_at is null and old.patient_id is not null
begin
    update patient_uploads set files = files - 1 where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
end;
