-- Patients and studies that are deleted, or about to be restored, with more files than one transaction should touch:
-- what belongs to them follows in slices (records/trash_work.h). Files of these are out of sight, and counted nowhere,
-- whatever their own row says.
create table trash_work (
    id integer primary key,
    patient_id integer references patients(id) on delete cascade,
    study_id integer references studies(id) on delete cascade,
    is_restoring integer not null default 0
);
create unique index uq_trash_work_patient on trash_work(patient_id);
create unique index uq_trash_work_study on trash_work(study_id);

-- The counts of files look there; and those of patients have triggers of their own, so that moving a file to another
-- patient leaves the totals alone.
drop trigger image_files_count_update_old;
drop trigger image_files_count_update_new;
drop trigger image_files_count_delete;
drop trigger image_files_patient_update_old;
drop trigger image_files_patient_update_new;
drop trigger image_files_patient_delete;
create trigger image_files_count_update_old
after update of uploaded_by, file_type, status, modality, file_size, deleted_at on image_files
when old.deleted_at is null and not exists (select 1 from trash_work w
    where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    update image_file_counts set files = files - 1, bytes = bytes - old.file_size
    where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
        and modality = coalesce(old.modality, '');
    update image_file_totals set files = files - 1, bytes = bytes - old.file_size
        where uploaded_by in (0, old.uploaded_by);
end;
create trigger image_files_count_update_new
after update of uploaded_by, file_type, status, modality, file_size, deleted_at on image_files
when new.deleted_at is null and not exists (select 1 from trash_work w
    where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
    values (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
           (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
    on conflict(uploaded_by, file_type, status, modality)
    do update set files = files + 1, bytes = bytes + excluded.bytes;
    insert into image_file_totals(uploaded_by, files, bytes)
        values (new.uploaded_by, 1, new.file_size), (0, 1, new.file_size)
    on conflict(uploaded_by) do update set files = files + 1, bytes = bytes + excluded.bytes;
end;
create trigger image_files_count_delete after delete on image_files
when old.deleted_at is null and not exists (select 1 from trash_work w
    where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    update image_file_counts set files = files - 1, bytes = bytes - old.file_size
    where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
        and modality = coalesce(old.modality, '');
    update image_file_totals set files = files - 1, bytes = bytes - old.file_size
        where uploaded_by in (0, old.uploaded_by);
end;
create trigger image_files_patient_update_old after update of patient_id, uploaded_by, deleted_at on image_files
when old.deleted_at is null and old.patient_id is not null
    and not exists (select 1 from trash_work w where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    update patients set image_count = image_count - 1 where id = old.patient_id;
    update patient_uploads set files = files - 1 where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
end;
create trigger image_files_patient_update_new after update of patient_id, uploaded_by, deleted_at on image_files
when new.deleted_at is null and new.patient_id is not null
    and not exists (select 1 from trash_work w where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    update patients set image_count = image_count + 1 where id = new.patient_id;
    insert into patient_uploads(patient_id, uploaded_by, files) values (new.patient_id, new.uploaded_by, 1)
    on conflict(patient_id, uploaded_by) do update set files = files + 1;
end;
create trigger image_files_patient_delete after delete on image_files
when old.deleted_at is null and old.patient_id is not null
    and not exists (select 1 from trash_work w where w.patient_id = old.patient_id or w.study_id = old.study_id)
begin
    update patients set image_count = image_count - 1 where id = old.patient_id;
    update patient_uploads set files = files - 1 where patient_id = old.patient_id and uploaded_by = old.uploaded_by;
end;
