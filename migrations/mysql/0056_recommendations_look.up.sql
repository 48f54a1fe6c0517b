-- What a study has closed is looked at again (reports/recommendation.h) also when it loses a file or no longer matches.
drop trigger if exists studies_recommendations_update;
create trigger studies_recommendations_update after update on studies for each row
begin
    if (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id
        or not (old.modality <=> new.modality) or not (old.body_part <=> new.body_part)
        or not (old.study_date <=> new.study_date) or not (old.study_time <=> new.study_time)
        or not (old.conflict <=> new.conflict) then
        update recommendations set look_again = 1 where completed_study_id = new.id;
        -- joined, since here an update by `in` reads, and holds, all that any study has closed
        update reports r join recommendations k on k.report_id = r.id set k.look_again = 1
            where r.study_id = new.id and k.completed_study_id is not null;
    end if;
end;
create trigger image_files_recommendations_update after update on image_files for each row
begin
    if old.study_id is not null and old.deleted_at is null and (new.deleted_at is not null
        or not (old.study_id <=> new.study_id) or not (old.series_id <=> new.series_id)
        or (old.status <> 'FAILED' and new.status = 'FAILED') or not (old.modality <=> new.modality)) then
        update recommendations set look_again = 1 where completed_study_id = old.study_id;
    end if;
end;
create trigger study_orders_recommendations_update after update on study_orders for each row
begin
    if not (old.procedure_code <=> new.procedure_code) or not (old.procedure_scheme <=> new.procedure_scheme) then
        update recommendations set look_again = 1 where completed_study_id = new.study_id;
    end if;
end;
-- What was closed before.
update recommendations set look_again = 1 where completed_study_id is not null;
