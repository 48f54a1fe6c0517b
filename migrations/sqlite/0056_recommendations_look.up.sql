-- What a study has closed is looked at again (reports/recommendation.h) also when it loses a file or no longer matches.
drop trigger studies_recommendations_update;
create trigger studies_recommendations_update
after update of deleted_at, patient_id, modality, body_part, study_date, study_time, conflict on studies
when (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id
    or old.modality is not new.modality or old.body_part is not new.body_part or old.study_date is not new.study_date
    or old.study_time is not new.study_time or old.conflict is not new.conflict
begin
    update recommendations set look_again = 1 where completed_study_id = new.id;
    update recommendations set look_again = 1 where completed_study_id is not null
        and report_id in (select r.id from reports r where r.study_id = new.id);
end;
create trigger image_files_recommendations_update
after update of deleted_at, study_id, series_id, status, modality on image_files
when old.study_id is not null and old.deleted_at is null and (new.deleted_at is not null
    or old.study_id is not new.study_id or old.series_id is not new.series_id
    or (old.status <> 'FAILED' and new.status = 'FAILED') or old.modality is not new.modality)
begin
    update recommendations set look_again = 1 where completed_study_id = old.study_id;
end;
create trigger study_orders_recommendations_update after update of procedure_code, procedure_scheme on study_orders
when old.procedure_code is not new.procedure_code or old.procedure_scheme is not new.procedure_scheme
begin
    update recommendations set look_again = 1 where completed_study_id = new.study_id;
end;
-- What was closed before.
update recommendations set look_again = 1 where completed_study_id is not null;
