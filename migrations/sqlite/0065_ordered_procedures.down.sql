alter table study_orders drop column study_uid;
alter table study_orders drop column requested_procedure_id;
