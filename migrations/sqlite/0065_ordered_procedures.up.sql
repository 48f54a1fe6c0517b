-- Which procedure of an order a study is (records/study_order.h).
alter table study_orders add column requested_procedure_id text;
alter table study_orders add column study_uid text;
