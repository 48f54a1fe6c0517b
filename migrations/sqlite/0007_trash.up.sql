-- What belongs to a deleted patient goes with it (records/trash.h): up to now its studies and files stayed where they
-- could be read.
update series set
    deleted_at = (select p.deleted_at from studies s join patients p on p.id = s.patient_id
        where s.id = series.study_id),
    deleted_by = (select p.deleted_by from studies s join patients p on p.id = s.patient_id
        where s.id = series.study_id)
where deleted_at is null and study_id in (select s.id from studies s join patients p on p.id = s.patient_id
    where s.deleted_at is null and p.deleted_at is not null and p.merged_into is null);
update studies set
    deleted_at = (select p.deleted_at from patients p where p.id = studies.patient_id),
    deleted_by = (select p.deleted_by from patients p where p.id = studies.patient_id)
where deleted_at is null and patient_id in (select p.id from patients p
    where p.deleted_at is not null and p.merged_into is null);
update image_files set
    deleted_at = (select p.deleted_at from patients p where p.id = image_files.patient_id),
    deleted_by = (select p.deleted_by from patients p where p.id = image_files.patient_id)
where deleted_at is null and patient_id in (select p.id from patients p
    where p.deleted_at is not null and p.merged_into is null);
