-- What belongs to a deleted patient goes with it (records/trash.h): up to now its studies and files stayed where they
-- could be read. Triggers change patients and studies: a statement that fires them cannot read those, so that they are
-- copied first.
create table gone_patients as select p.id, p.deleted_at, p.deleted_by from patients p
    where p.deleted_at is not null and p.merged_into is null;
create table gone_studies as select s.id, g.deleted_at, g.deleted_by from studies s
    join gone_patients g on g.id = s.patient_id where s.deleted_at is null;
update series x join gone_studies g on g.id = x.study_id
    set x.deleted_at = g.deleted_at, x.deleted_by = g.deleted_by where x.deleted_at is null;
update studies s join gone_studies g on g.id = s.id set s.deleted_at = g.deleted_at, s.deleted_by = g.deleted_by;
update image_files f join gone_patients g on g.id = f.patient_id
    set f.deleted_at = g.deleted_at, f.deleted_by = g.deleted_by where f.deleted_at is null;
drop table gone_studies;
drop table gone_patients;
