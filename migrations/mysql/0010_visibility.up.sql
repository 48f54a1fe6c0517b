-- What each caller sees, and how much of it (records/visibility.h).

-- To whom a study is open besides single accounts: everybody with a role, everybody of a department (as accounts name
-- it).
create table study_role_assignments (
    study_id bigint not null,
    role_id bigint not null,
    created_by bigint not null,
    created_at bigint not null,
    primary key (role_id, study_id),
    constraint fk_study_role_assignments_study_id foreign key (study_id) references studies(id),
    constraint fk_study_role_assignments_role_id foreign key (role_id) references roles(id),
    constraint fk_study_role_assignments_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_role_assignments_study on study_role_assignments(study_id);
create index ix_study_role_assignments_created_by on study_role_assignments(created_by);
create table study_department_assignments (
    study_id bigint not null,
    department varchar(100) not null,
    created_by bigint not null,
    created_at bigint not null,
    primary key (department, study_id),
    constraint fk_study_department_assignments_study_id foreign key (study_id) references studies(id),
    constraint fk_study_department_assignments_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_study_department_assignments_study on study_department_assignments(study_id);
create index ix_study_department_assignments_created_by on study_department_assignments(created_by);

-- claim: whoever registers a Study Instance UID that somebody has whom they do not see gets a study of their own: their
-- account. 0: the first. instances_of_others: not uploaded by who registered the study; while there are none, its
-- counts are what that account sees.
alter table studies
    add column claim bigint not null default 0,
    add column instances_of_others bigint not null default 0;
drop index uq_studies_study_uid on studies;
create unique index uq_studies_study_uid on studies(study_uid, claim, alive);
update studies set instances_of_others = (select count(*) from image_files f
    where f.study_id = studies.id and f.is_instance = 1
    and f.deleted_at is null and f.uploaded_by <> studies.created_by) where number_of_instances > 0;
drop trigger image_files_series_insert;
drop trigger image_files_series_update;
drop trigger image_files_series_delete;
create trigger image_files_series_insert after insert on image_files for each row
begin
    if new.is_instance = 1 and new.deleted_at is null then
        update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size,
        instances_of_others = instances_of_others + (created_by <> new.uploaded_by) where id = new.study_id;
        update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
            where id = new.series_id;
    end if;
end;
create trigger image_files_series_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.is_instance <=> old.is_instance
        and new.series_id <=> old.series_id and new.study_id <=> old.study_id
        and new.file_size <=> old.file_size and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.is_instance = 1 and old.deleted_at is null then
            update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size,
        instances_of_others = instances_of_others - (created_by <> old.uploaded_by) where id = old.study_id;
            update series set number_of_instances = number_of_instances - 1,
                size_bytes = size_bytes - old.file_size where id = old.series_id;
        end if;
        if new.is_instance = 1 and new.deleted_at is null then
            update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size,
        instances_of_others = instances_of_others + (created_by <> new.uploaded_by) where id = new.study_id;
            update series set number_of_instances = number_of_instances + 1,
                size_bytes = size_bytes + new.file_size where id = new.series_id;
        end if;
    end if;
end;
create trigger image_files_series_delete after delete on image_files for each row
begin
    if old.is_instance = 1 and old.deleted_at is null then
        update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size,
        instances_of_others = instances_of_others - (created_by <> old.uploaded_by) where id = old.study_id;
        update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
            where id = old.series_id;
    end if;
end;

-- Files of a patient by who uploaded them.
create table patient_uploads (
    patient_id bigint not null,
    uploaded_by bigint not null,
    files bigint not null,
    primary key (patient_id, uploaded_by)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
insert into patient_uploads(patient_id, uploaded_by, files) select patient_id, uploaded_by, count(*) from image_files
    where patient_id is not null and deleted_at is null group by patient_id, uploaded_by;
create trigger image_files_patient_insert after insert on image_files for each row
begin
    if new.deleted_at is null and new.patient_id is not null then
        insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
        on duplicate key update files = files + 1;
    end if;
end;
create trigger image_files_patient_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.patient_id <=> old.patient_id
        and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.deleted_at is null and old.patient_id is not null then
            update patient_uploads set files = files - 1
                where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
        end if;
        if new.deleted_at is null and new.patient_id is not null then
            insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
            on duplicate key update files = files + 1;
        end if;
    end if;
end;
create trigger image_files_patient_delete after delete on image_files for each row
begin
    if old.deleted_at is null and old.patient_id is not null then
        update patient_uploads set files = files - 1
            where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
    end if;
end;
