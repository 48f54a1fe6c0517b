drop trigger image_files_patient_insert;
drop trigger image_files_patient_update;
drop trigger image_files_patient_delete;
drop table patient_uploads;
drop trigger image_files_series_insert;
drop trigger image_files_series_update;
drop trigger image_files_series_delete;
create trigger image_files_series_insert after insert on image_files for each row
begin
    if new.is_instance = 1 and new.deleted_at is null then
        update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
            where id = new.study_id;
        update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
            where id = new.series_id;
    end if;
end;
create trigger image_files_series_update after update on image_files for each row
begin
    if not (new.is_instance <=> old.is_instance and new.series_id <=> old.series_id and new.study_id <=> old.study_id
        and new.file_size <=> old.file_size and (new.deleted_at is null) = (old.deleted_at is null)) then
        if old.is_instance = 1 and old.deleted_at is null then
            update studies set number_of_instances = number_of_instances - 1,
                size_bytes = size_bytes - old.file_size where id = old.study_id;
            update series set number_of_instances = number_of_instances - 1,
                size_bytes = size_bytes - old.file_size where id = old.series_id;
        end if;
        if new.is_instance = 1 and new.deleted_at is null then
            update studies set number_of_instances = number_of_instances + 1,
                size_bytes = size_bytes + new.file_size where id = new.study_id;
            update series set number_of_instances = number_of_instances + 1,
                size_bytes = size_bytes + new.file_size where id = new.series_id;
        end if;
    end if;
end;
create trigger image_files_series_delete after delete on image_files for each row
begin
    if old.is_instance = 1 and old.deleted_at is null then
        update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
            where id = old.study_id;
        update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
            where id = old.series_id;
    end if;
end;
-- One study may have a UID again: of several the first stays.
update studies set deleted_at = updated_at where claim <> 0 and deleted_at is null;
update studies set conflict = null where conflict = '["study_uid"]';
drop index uq_studies_study_uid on studies;
alter table studies drop column claim, drop column instances_of_others;
create unique index uq_studies_study_uid on studies(study_uid, alive);
drop table study_department_assignments;
drop table study_role_assignments;
