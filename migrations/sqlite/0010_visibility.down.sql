drop trigger image_files_patient_insert;
drop trigger image_files_patient_update_old;
drop trigger image_files_patient_update_new;
drop trigger image_files_patient_delete;
drop table patient_uploads;
drop trigger image_files_series_insert;
drop trigger image_files_series_update_old;
drop trigger image_files_series_update_new;
drop trigger image_files_series_delete;
create trigger image_files_series_insert after insert on image_files when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.series_id;
end;
create trigger image_files_series_update_old after update of is_instance, series_id, study_id, file_size, deleted_at
    on image_files
when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.series_id;
end;
create trigger image_files_series_update_new after update of is_instance, series_id, study_id, file_size, deleted_at
    on image_files
when new.is_instance = 1 and new.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.study_id;
    update series set number_of_instances = number_of_instances + 1, size_bytes = size_bytes + new.file_size
        where id = new.series_id;
end;
create trigger image_files_series_delete after delete on image_files when old.is_instance = 1 and old.deleted_at is null
begin
    update studies set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.study_id;
    update series set number_of_instances = number_of_instances - 1, size_bytes = size_bytes - old.file_size
        where id = old.series_id;
end;
alter table studies drop column instances_of_others;
-- One study may have a UID again: of several the first stays.
update studies set deleted_at = updated_at where claim <> 0 and deleted_at is null;
update studies set conflict = null where conflict = '["study_uid"]';
drop index uq_studies_study_uid;
alter table studies drop column claim;
create unique index uq_studies_study_uid on studies(study_uid) where deleted_at is null;
drop table study_department_assignments;
drop table study_role_assignments;
