alter table study_orders drop column study_uid, drop column requested_procedure_id;
