drop trigger study_orders_recommendations_update;
drop trigger image_files_recommendations_update;
drop trigger studies_recommendations_update;
create trigger studies_recommendations_update after update of deleted_at, patient_id on studies
when (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id
begin
    update recommendations set look_again = 1 where completed_study_id = new.id;
    update recommendations set look_again = 1 where completed_study_id is not null
        and report_id in (select r.id from reports r where r.study_id = new.id);
end;
