-- What had not followed by now follows here, while nothing counts it.
update image_files set
    deleted_at = (select p.deleted_at from patients p where p.id = image_files.patient_id),
    deleted_by = (select p.deleted_by from patients p where p.id = image_files.patient_id)
where deleted_at is null and patient_id in (select patient_id from trash_work where patient_id is not null)
    and (study_id is null or study_id not in (select study_id from trash_work where study_id is not null));
update image_files set
    deleted_at = (select s.deleted_at from studies s where s.id = image_files.study_id),
    deleted_by = (select s.deleted_by from studies s where s.id = image_files.study_id)
where deleted_at is null and study_id in (select study_id from trash_work where study_id is not null);
drop trigger image_files_count_update;
drop trigger image_files_count_delete;
drop trigger image_files_patient_update;
drop trigger image_files_patient_delete;
drop table trash_work;
create trigger image_files_count_update after update on image_files for each row
begin
    if not (new.uploaded_by <=> old.uploaded_by and new.file_type <=> old.file_type and new.status <=> old.status
        and new.modality <=> old.modality and new.file_size <=> old.file_size and new.patient_id <=> old.patient_id
        and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.deleted_at is null then
            update image_file_counts set files = files - 1, bytes = bytes - old.file_size
            where uploaded_by in (0, old.uploaded_by) and file_type = old.file_type and status = old.status
                and modality = coalesce(old.modality, '');
            update image_file_totals set files = files - 1, bytes = bytes - old.file_size
                where uploaded_by in (0, old.uploaded_by);
            update patients set image_count = image_count - 1 where id = old.patient_id;
        end if;
        if new.deleted_at is null then
            insert into image_file_counts(uploaded_by, file_type, status, modality, files, bytes)
            values (0, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size),
                   (new.uploaded_by, new.file_type, new.status, coalesce(new.modality, ''), 1, new.file_size)
            on duplicate key update files = files + 1, bytes = bytes + new.file_size;
            insert into image_file_totals(uploaded_by, files, bytes)
                values (0, 1, new.file_size), (new.uploaded_by, 1, new.file_size)
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
        update image_file_totals set files = files - 1, bytes = bytes - old.file_size
            where uploaded_by in (0, old.uploaded_by);
        update patients set image_count = image_count - 1 where id = old.patient_id;
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
