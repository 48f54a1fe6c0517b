drop trigger if exists study_orders_recommendations_update;
drop trigger if exists image_files_recommendations_update;
drop trigger if exists studies_recommendations_update;
create trigger studies_recommendations_update after update on studies for each row
begin
    if (old.deleted_at is null) <> (new.deleted_at is null) or old.patient_id <> new.patient_id then
        update recommendations set look_again = 1 where completed_study_id = new.id;
        -- joined, since here an update by `in` reads, and holds, all that any study has closed
        update reports r join recommendations k on k.report_id = r.id set k.look_again = 1
            where r.study_id = new.id and k.completed_study_id is not null;
    end if;
end;
