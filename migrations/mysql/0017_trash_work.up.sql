-- Patients and studies that are deleted, or about to be restored, with more files than one transaction should touch:
-- what belongs to them follows in slices (records/trash_work.h). Files of these are out of sight, and counted nowhere,
-- whatever their own row says.
create table trash_work (
    id bigint not null auto_increment primary key,
    patient_id bigint,
    study_id bigint,
    is_restoring tinyint not null default 0,
    constraint fk_trash_work_patient_id foreign key (patient_id) references patients(id) on delete cascade,
    constraint fk_trash_work_study_id foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create unique index uq_trash_work_patient on trash_work(patient_id);
create unique index uq_trash_work_study on trash_work(study_id);

-- The counts of files look there; and those of patients have triggers of their own, so that moving a file to another
-- patient leaves the totals alone.
drop trigger image_files_count_update;
drop trigger image_files_count_delete;
drop trigger image_files_patient_update;
drop trigger image_files_patient_delete;
create trigger image_files_count_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.file_type <=> old.file_type and new.status <=> old.status
        and new.modality <=> old.modality and new.file_size <=> old.file_size
            and (new.deleted_at is null) = (old.deleted_at is null))
        and not exists (select 1 from trash_work w
            where w.patient_id = old.patient_id or w.study_id = old.study_id) then
        if old.deleted_at is null then
            update image_file_counts set files = files - 1, bytes = bytes - old.file_size
            where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
                and modality = coalesce(old.modality, '');
            update image_file_totals set files = files - 1, bytes = bytes - old.file_size
                where uploaded_by in (0, old.uploaded_by);
        end if;
        if new.deleted_at is null then
            insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
            values (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
                   (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
            on duplicate key update files = files + 1, bytes = bytes + new.file_size;
            insert into image_file_totals(uploaded_by, files, bytes)
                values (0, 1, new.file_size), (new.uploaded_by, 1, new.file_size)
            on duplicate key update files = files + 1, bytes = bytes + new.file_size;
        end if;
    end if;
end;
create trigger image_files_count_delete after delete on image_files for each row
begin
    if old.deleted_at is null
        and not exists (select 1 from trash_work w
            where w.patient_id = old.patient_id or w.study_id = old.study_id) then
        update image_file_counts set files = files - 1, bytes = bytes - old.file_size
        where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
            and modality = coalesce(old.modality, '');
        update image_file_totals set files = files - 1, bytes = bytes - old.file_size
            where uploaded_by in (0, old.uploaded_by);
    end if;
end;
create trigger image_files_patient_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.patient_id <=> old.patient_id
        and (new.deleted_at is null) = (old.deleted_at is null))
        and not exists (select 1 from trash_work w
            where w.patient_id = old.patient_id or w.study_id = old.study_id) then
        if old.deleted_at is null and old.patient_id is not null then
            update patients set image_count = image_count - 1 where id = old.patient_id;
            update patient_uploads set files = files - 1
                where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
        end if;
        if new.deleted_at is null and new.patient_id is not null then
            update patients set image_count = image_count + 1 where id = new.patient_id;
            insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
            on duplicate key update files = files + 1;
        end if;
    end if;
end;
create trigger image_files_patient_delete after delete on image_files for each row
begin
    if old.deleted_at is null and old.patient_id is not null
        and not exists (select 1 from trash_work w
            where w.patient_id = old.patient_id or w.study_id = old.study_id) then
        update patients set image_count = image_count - 1 where id = old.patient_id;
        update patient_uploads set files = files - 1
            where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
    end if;
end;
